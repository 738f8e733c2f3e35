import { Command } from 'cmdk';
import { ChevronDown } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { LoadState, PageModel } from '../../../electron/contract/machine.ts';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { navigate } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes } from '../../ui/format.ts';
import { nameFilter } from '../../ui/name-filter.ts';
import { Popover } from '../../ui/Popover.tsx';

function nameOf(engine: LoadState): string {
  switch (engine.state) {
    case 'none':
      return 'No model';
    case 'loading':
      return `Loading ${engine.title}`;
    case 'failed':
      return engine.title;
    case 'ready':
      return engine.title;
  }
}

/** Which model chats use; a press lists those that are there. */
export function ModelPicker() {
  const engine = useApp((state) => state.engine);
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover
      label="Models"
      align="end"
      isOpen={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button aria-label={`Model: ${nameOf(engine)}`} className="max-w-60">
          <span className="truncate">{nameOf(engine)}</span>
          <ChevronDown size={12} aria-hidden className="shrink-0 text-text-muted" />
        </Button>
      }
    >
      <ModelList engine={engine} onClose={() => setOpen(false)} />
    </Popover>
  );
}

function ModelList({ engine, onClose }: { readonly engine: LoadState; readonly onClose: () => void }) {
  const models = useApp((state) => state.models);
  const error = useApp((state) => state.modelsError);
  const { loadModel, unloadModel, readModels } = useAppActions();
  useEffect(() => void readModels(), [readModels]);
  const places = [...new Set((models ?? []).map(({ place }) => place))];
  const run = (action: () => void) => () => {
    onClose();
    action();
  };
  return (
    <Command label="Models" loop filter={nameFilter} className="grid w-90 gap-1 p-2">
      <Command.Input
        autoFocus
        placeholder="Find a model"
        className="h-7 rounded-1 border border-line-strong bg-surface-raised px-2"
      />
      {error !== null && <p className="px-1 text-1 text-danger">{error}</p>}
      <Command.List className="scrollable max-h-80">
        <Command.Empty className="px-2 py-1 text-text-muted">No model of that name.</Command.Empty>
        {places.map((place) => (
          <Command.Group
            key={place}
            heading={place}
            className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-1 [&_[cmdk-group-heading]]:text-text-muted"
          >
            {models
              ?.filter((model) => model.place === place)
              .map((model) => (
                <ModelItem
                  key={model.id}
                  model={model}
                  isLoaded={engine.state !== 'none' && engine.model === model.id}
                  onSelect={run(() => void loadModel(model.id).catch(() => undefined))}
                />
              ))}
          </Command.Group>
        ))}
        <Command.Group className="mt-1 border-t border-line pt-1">
          {engine.state !== 'none' && (
            <Item
              value="unload"
              keywords={['Unload the model', 'Cancel loading']}
              onSelect={run(() => void unloadModel())}
            >
              {engine.state === 'loading' ? 'Cancel loading' : 'Unload'}
            </Item>
          )}
          <Item
            value="manage"
            keywords={['All models']}
            onSelect={run(() => navigate({ screen: 'models', modelId: null }))}
          >
            All models…
          </Item>
        </Command.Group>
      </Command.List>
    </Command>
  );
}

function Item(props: React.ComponentProps<typeof Command.Item>) {
  return (
    <Command.Item
      className="flex min-h-7 cursor-default items-center gap-2 rounded-[2px] px-2 data-[disabled=true]:text-text-muted data-[selected=true]:bg-surface-selected"
      {...props}
    />
  );
}

function ModelItem({
  model: { id, title, bytes, isPresent },
  isLoaded,
  onSelect,
}: {
  readonly model: PageModel;
  readonly isLoaded: boolean;
  readonly onSelect: () => void;
}) {
  return (
    <Item value={id} keywords={[title]} disabled={!isPresent} onSelect={onSelect}>
      <span className="truncate">{title}</span>
      <span className="ml-auto shrink-0 text-1 text-text-muted">
        {isLoaded && 'in memory, '}
        {isPresent ? formatBytes(bytes) : 'its file is gone'}
      </span>
    </Item>
  );
}
