import { useEffect, useEffectEvent, useState, type DragEvent, type ReactNode } from 'react';
import { useStore } from 'zustand';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { LoadSettings, LoadState, PageModel } from '../../../electron/contract/machine.ts';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { navigate, useRoute } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { showToast } from '../../ui/toasts.ts';
import { AddModelDialog } from './AddModelDialog.tsx';
import { defaultModel, listSummary } from './model-list.ts';
import { ModelDetails } from './ModelDetails.tsx';
import { ModelListView } from './ModelListView.tsx';
import { chosenBudget, loadedBudget } from './streaming.ts';
import { createModelsStore, retortsChoice, type ModelsStore } from './models-store.ts';
import { useImport } from './use-import.ts';

/** Models where they lie, and whether they fit. */
export function ModelsScreen() {
  const models = useApp((state) => state.models);
  const error = useApp((state) => state.modelsError);
  const importing = useImport();
  const [isAdding, setIsAdding] = useState(false);
  const add = () => (importing.isPossible ? void importing.choose() : setIsAdding(true));
  const drop = (files: readonly File[]) =>
    importing.isPossible ? void importing.drop(files) : setIsAdding(true);
  return (
    <DropArea onDrop={drop}>
      <header className="flex h-(--bar) items-center gap-3 border-b border-line px-4 whitespace-nowrap">
        <h1 className="text-3 font-strong">Models</h1>
        {models && <span className="text-1 text-text-muted">{listSummary(models)}</span>}
        <span className="ml-auto flex items-center gap-2">
          <span className="text-1 text-text-muted">Drop a file or folder anywhere, or</span>
          <Button onClick={add}>Add…</Button>
        </span>
      </header>
      <Body models={models} error={error} onAdd={add} />
      {isAdding && <AddModelDialog onClose={() => setIsAdding(false)} />}
    </DropArea>
  );
}

/** The whole screen takes files and folders. */
function DropArea({
  onDrop,
  children,
}: {
  readonly onDrop: (files: readonly File[]) => void;
  readonly children: ReactNode;
}) {
  const [isOver, setIsOver] = useState(false);
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  return (
    <div
      className="relative row-start-2 grid min-h-0 min-w-0 grid-rows-[auto_minmax(0,1fr)]"
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={(event) => {
        if (event.currentTarget === event.target) setIsOver(false);
      }}
      onDrop={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setIsOver(false);
        onDrop([...event.dataTransfer.files]);
      }}
    >
      {children}
      {isOver && (
        <p className="pointer-events-none absolute inset-2 z-40 grid place-items-center rounded-2 border-2 border-dashed border-accent bg-accent-tint text-3 font-strong text-accent">
          Drop to add it where it lies
        </p>
      )}
    </div>
  );
}

function Body({
  models,
  error,
  onAdd,
}: {
  readonly models: readonly PageModel[] | null;
  readonly error: string | null;
  readonly onAdd: () => void;
}) {
  const { readModels } = useAppActions();
  if (error !== null) {
    return (
      <div className="p-4">
        <Notice
          level="error"
          title="The list of models cannot be read."
          actions={
            <Button size="small" onClick={() => void readModels()}>
              Try again
            </Button>
          }
        >
          {error}
        </Notice>
      </div>
    );
  }
  if (!models) return <p className="p-4 text-text-muted">Looking for models…</p>;
  if (models.length === 0) {
    return (
      <EmptyState
        title="No models yet"
        actions={
          <Button variant="primary" onClick={onAdd}>
            Add a model…
          </Button>
        }
      >
        GGUF files, safetensors folders and ONNX folders are used where they lie. Nothing is copied.
      </EmptyState>
    );
  }
  return <Chosen models={models} />;
}

/** What loading now would begin with: what is in memory, as it is. */
function settingsOf(engine: LoadState, id: string): LoadSettings {
  if (engine.state !== 'ready' || engine.model !== id) return retortsChoice;
  return {
    context: engine.context,
    kvCodec: engine.kvCodec,
    threads: engine.info.threads,
    memoryBudget: loadedBudget(engine),
  };
}

function Chosen({ models }: { readonly models: readonly PageModel[] }) {
  const { client } = useHost();
  const engine = useApp((state) => state.engine);
  const cores = useApp((state) => state.machine?.cores ?? 1);
  const settings = useApp((state) => state.settings);
  const budgetChange = useApp((state) => state.budgetChange);
  const route = useRoute();
  const [store] = useState<ModelsStore>(() => createModelsStore(client));
  const state = useStore(store);
  const asked = route.screen === 'models' ? route.modelId : null;
  const model =
    models.find(({ id }) => id === asked) ?? models.find(({ id }) => id === defaultModel(models, engine));
  useChoice(store, model, engine);
  const app = useAppActions();
  const { actions } = store;
  const unsupported = new Set(
    [...state.summaries].flatMap(([id, answer]) =>
      answer && 'value' in answer && !answer.value.supported ? [id] : [],
    ),
  );
  const adopt = async (id: string) => {
    try {
      navigate({ screen: 'models', modelId: (await client.adoptModel({ id })).id });
    } catch (error) {
      showToast(toLabError(error).message);
    }
  };
  const forget = async (id: string) => {
    try {
      await client.forgetModel({ id });
      navigate({ screen: 'models', modelId: null }, 'replace');
    } catch (error) {
      showToast(toLabError(error).message);
    }
  };
  return (
    <div className="grid min-h-0 grid-cols-[232px_minmax(0,1fr)]">
      <ModelListView
        models={models}
        engine={engine}
        chosen={model?.id ?? null}
        unsupported={unsupported}
        onUse={(id) => void adopt(id)}
      />
      {model && (
        <ModelDetails
          model={model}
          summary={state.summaries.get(model.id) ?? null}
          engine={engine}
          answer={state.chosen === model.id ? state.fit : null}
          lastFit={state.chosen === model.id ? state.lastFit : null}
          leastBudget={state.leastBudget}
          budget={chosenBudget(model.id, state.settings, settings)}
          budgetChange={budgetChange?.model === model.id ? budgetChange : null}
          onBudget={(budget) => void app.changeBudget(model.id, budget)}
          onLeaveBudget={app.leaveBudget}
          settings={state.settings}
          precisions={state.precisions}
          cores={cores}
          onChange={actions.setSettings}
          onRetry={actions.reprice}
          onInspect={() => void actions.inspect(model.id)}
          onForget={() => void forget(model.id)}
          // Refusals are told by a toast.
          onLoad={(settings, force) => void app.loadModel(model.id, settings, force).catch(() => undefined)}
          onUnload={() => void app.unloadModel()}
        />
      )}
    </div>
  );
}

/** Prices the model that is shown, again whenever what is in memory changes. */
function useChoice(store: ModelsStore, model: PageModel | undefined, engine: LoadState): void {
  const id = model?.isPresent === true ? model.id : null;
  const isBusy = engine.state === 'ready' && engine.isBusy;
  const price = useEffectEvent(() => {
    // Only another model resets the knobs, not each change of the engine.
    if (store.getState().chosen === id) store.actions.reprice();
    else store.actions.choose(id, id === null ? undefined : settingsOf(engine, id));
  });
  useEffect(() => price(), [store, id, engine.state, isBusy]);
}
