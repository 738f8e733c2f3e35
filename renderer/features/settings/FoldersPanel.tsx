import { toLabError } from '../../../electron/contract/errors.ts';
import type { ModelFolder } from '../../../electron/contract/settings.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { formatCount } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { Cell, Row, Table } from '../../ui/Table.tsx';
import { showToast } from '../../ui/toasts.ts';
import { AnswerView } from './AnswerView.tsx';
import { useAnswer } from '../../ipc/use-answer.ts';

/** Folders whose models are listed; nothing in them is changed. */
export function FoldersPanel() {
  const { client, shell } = useHost();
  const [answer, again] = useAnswer((options) => client.listModelFolders({}, options));
  const change = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      showToast(toLabError(error).message);
    }
    again();
  };
  const add = async () => {
    const grant = await shell?.chooseModelFolder();
    if (typeof grant === 'string') await client.addModelFolder({ grant });
  };
  return (
    <Panel
      title="Model folders"
      aside={
        shell && (
          <Button size="small" className="ml-auto" onClick={() => void change(add)}>
            Add folder…
          </Button>
        )
      }
    >
      <AnswerView answer={answer} what="The list of folders" onRetry={again}>
        {(folders) => (
          <>
            {folders.length > 0 && (
              <FolderTable
                folders={folders}
                onRemove={(id) => void change(() => client.removeModelFolder({ id }))}
              />
            )}
            <FolderNote isEmpty={folders.length === 0} isBrowser={shell === null} />
          </>
        )}
      </AnswerView>
    </Panel>
  );
}

function FolderNote({ isEmpty, isBrowser }: { readonly isEmpty: boolean; readonly isBrowser: boolean }) {
  if (!isEmpty && !isBrowser) return null;
  return (
    <p className="px-3 pb-3 text-1 text-text-muted">
      {isEmpty && 'None yet. Models in a folder are listed and used where they lie. '}
      {isBrowser &&
        'In a browser, folders are named when Retort is started: npx retort serve --models-dir FOLDER.'}
    </p>
  );
}

function FolderTable({
  folders,
  onRemove,
}: {
  readonly folders: readonly ModelFolder[];
  readonly onRemove: (id: string) => void;
}) {
  return (
    <Table aria-label="Model folders" className="mb-2">
      <tbody>
        {folders.map(({ id, label, models, isPresent }) => (
          <Row key={id}>
            <Cell className="max-w-0 truncate" title={label}>
              {label}
            </Cell>
            <Cell isFigure className="w-24">
              {isPresent ? formatCount(models, 'model') : <Chip tone="danger">missing</Chip>}
            </Cell>
            <Cell isFigure className="w-24">
              <Button size="small" aria-label={`Remove ${label}`} onClick={() => onRemove(id)}>
                Remove
              </Button>
            </Cell>
          </Row>
        ))}
      </tbody>
    </Table>
  );
}
