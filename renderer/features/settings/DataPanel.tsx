import { useState } from 'react';
import { toLabError } from '../../../electron/contract/errors.ts';
import { useApp } from '../../app/app-context.ts';
import { ShortcutList } from '../../app/ShortcutList.tsx';
import { copyText } from '../../ipc/clipboard.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { formatBytes, formatCount } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { showToast } from '../../ui/toasts.ts';
import { AnswerView } from './AnswerView.tsx';
import { useAnswer } from '../../ipc/use-answer.ts';

/** Where everything is kept, and what helps when something goes wrong. */
export function DataPanel() {
  const { client, shell } = useHost();
  const version = useApp((state) => state.machine?.version ?? '');
  const [answer, again] = useAnswer((options) => client.dataFolder({}, options));
  const [dialog, setDialog] = useState<'diagnostics' | 'shortcuts' | null>(null);
  const open = async () => {
    try {
      await shell?.openDataFolder();
    } catch (error) {
      showToast(toLabError(error).message);
    }
  };
  return (
    <Panel
      title="Data"
      aside={<span className="text-1 text-text-muted">Everything stays on this machine.</span>}
      note={
        <div className="flex flex-wrap items-center gap-2">
          <span className="mr-auto text-1 text-text-muted">Retort {version}</span>
          <Button size="small" onClick={() => setDialog('shortcuts')}>
            Shortcuts…
          </Button>
          <Button size="small" onClick={() => setDialog('diagnostics')}>
            Diagnostics…
          </Button>
        </div>
      }
    >
      <AnswerView answer={answer} what="The data folder" onRetry={again}>
        {({ label, bytes, chats, backups }) => (
          <div className="flex items-center gap-3 px-3 pb-3">
            <div className="min-w-0">
              <p className="truncate font-token" title={label}>
                {label}
              </p>
              <p className="text-1 text-text-muted">
                {formatBytes(bytes)}, {formatCount(chats, 'chat')}, {formatCount(backups, 'backup')}
              </p>
            </div>
            {shell && (
              <Button size="small" className="ml-auto" onClick={() => void open()}>
                Open folder
              </Button>
            )}
          </div>
        )}
      </AnswerView>
      {dialog === 'diagnostics' && <DiagnosticsDialog onClose={() => setDialog(null)} />}
      {dialog === 'shortcuts' && <ShortcutList onClose={() => setDialog(null)} />}
    </Panel>
  );
}

/** Shown before it is copied: a person sees what they hand on. */
function DiagnosticsDialog({ onClose }: { readonly onClose: () => void }) {
  const { client } = useHost();
  const [answer, again] = useAnswer((options) => client.diagnostics({}, options));
  const text = answer && 'value' in answer ? answer.value : null;
  const copy = async () => {
    if (text === null) return;
    const isCopied = await copyText(text);
    showToast(
      isCopied ? 'Diagnostics copied' : 'The clipboard did not take it. Select the text and copy it by hand.',
    );
    if (isCopied) onClose();
  };
  return (
    <Dialog
      title="Diagnostics"
      width="wide"
      onClose={onClose}
      footer={
        <>
          <span className="mr-auto text-1 text-text-muted">
            No prompts, no replies, no paths outside Retort’s own folders
          </span>
          <Button onClick={onClose}>Close</Button>
          <Button variant="primary" aria-disabled={text === null} onClick={() => void copy()}>
            Copy diagnostics
          </Button>
        </>
      }
    >
      <AnswerView answer={answer} what="Diagnostics" onRetry={again}>
        {(value) => <pre className="font-token text-1 whitespace-pre-wrap">{value}</pre>}
      </AnswerView>
    </Dialog>
  );
}
