import type { LoadState, PageModel } from '../../../electron/contract/machine.ts';
import { fragmentOf } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { classNames } from '../../ui/class-names.ts';
import { formatBytes } from '../../ui/format.ts';
import { formatName, groupModels, type ModelGroup } from './model-list.ts';

interface ListProps {
  readonly models: readonly PageModel[];
  readonly engine: LoadState;
  readonly chosen: string | null;
  /** Models whose headers say that they cannot run. */
  readonly unsupported: ReadonlySet<string>;
  readonly onUse: (id: string) => void;
}

/** Models by where they lie; those that other programs keep come last, each with a way to use it in place. */
export function ModelListView(props: ListProps) {
  const { own, found } = groupModels(props.models);
  return (
    <nav aria-label="Models" className="scrollable flex flex-col gap-1 border-r border-line px-2 pb-3">
      {own.map((group) => (
        <Group key={group.place} group={group} heading="h2" {...props} />
      ))}
      {found.length > 0 && <h2 className="px-2 pt-4 text-1 font-strong">Found on this machine</h2>}
      {found.map((group) => (
        <Group key={group.place} group={group} heading="h3" {...props} />
      ))}
    </nav>
  );
}

function Group({
  group,
  heading: Heading,
  ...props
}: ListProps & { readonly group: ModelGroup; readonly heading: 'h2' | 'h3' }) {
  return (
    <section aria-label={group.place}>
      <Heading className="px-2 pt-3 pb-1 text-1 text-text-muted">{group.place}</Heading>
      <ul className="grid grid-cols-[minmax(0,1fr)] gap-1">
        {group.models.map((model) => (
          <li key={model.id} className="relative">
            <Item model={model} {...props} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Item({ model, engine, chosen, unsupported, onUse }: ListProps & { readonly model: PageModel }) {
  const isChosen = model.id === chosen;
  return (
    <>
      <a
        href={fragmentOf({ screen: 'models', modelId: model.id })}
        aria-current={isChosen ? 'page' : undefined}
        className={classNames(
          'block rounded-1 px-2 py-1 text-text no-underline',
          isChosen ? 'bg-surface-selected' : 'hover:bg-surface-hover',
        )}
      >
        {/* Variants of one model differ in the end of their names. */}
        <span
          className={classNames('line-clamp-3 break-words', isChosen && 'font-strong')}
          title={model.title}
        >
          {model.title}
        </span>
        <span
          className={classNames(
            'flex min-h-5 items-center justify-between gap-2',
            model.kind === 'found' && 'pr-14',
          )}
        >
          <span className="truncate text-1 text-text-muted">
            {[formatBytes(model.bytes), formatName(model.format), model.architecture]
              .filter((part) => part !== null)
              .join(', ')}
          </span>
          <StateChip model={model} engine={engine} isUnsupported={unsupported.has(model.id)} />
        </span>
      </a>
      {model.kind === 'found' && (
        <Button
          size="small"
          aria-label={`Use ${model.title}`}
          className="absolute right-2 bottom-1"
          onClick={() => onUse(model.id)}
        >
          Use
        </Button>
      )}
    </>
  );
}

function StateChip({
  model,
  engine,
  isUnsupported,
}: {
  readonly model: PageModel;
  readonly engine: LoadState;
  readonly isUnsupported: boolean;
}) {
  if (!model.isPresent) return <Chip tone="danger">missing</Chip>;
  if (isUnsupported) return <Chip tone="warn">cannot run</Chip>;
  if (engine.state === 'none' || engine.model !== model.id) {
    return model.format === 'pack' ? <Chip tone="accent">streamed</Chip> : null;
  }
  switch (engine.state) {
    case 'loading':
      return <Chip tone="accent">loading</Chip>;
    case 'ready':
      return <Chip tone="ok">loaded</Chip>;
    case 'failed':
      return <Chip tone="danger">failed</Chip>;
  }
}
