import { useState } from 'react';
import type {
  Fit,
  LoadSettings,
  LoadState,
  MemoryBudget,
  PageModel,
} from '../../../electron/contract/machine.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { overBytes } from './fit.ts';
import { loadedBudget } from './streaming.ts';

export interface LoadActionsProps {
  readonly model: PageModel;
  readonly engine: LoadState;
  readonly fit: Fit | null;
  readonly settings: LoadSettings;
  readonly onLoad: (settings: LoadSettings, force: boolean) => void;
  readonly onUnload: () => void;
  /** Another budget for the model as it is loaded. */
  readonly onBudget: (budget: MemoryBudget) => void;
}

type Loaded = 'so' | 'with another budget' | 'otherwise';

/** Whether loading with these settings would be something else than what is loaded; a budget is changed without loading. */
function howLoaded(engine: LoadState, id: string, settings: LoadSettings): Loaded {
  if (engine.state !== 'ready' || engine.model !== id) return 'otherwise';
  const { context, kvCodec, threads, memoryBudget } = settings;
  const isSo =
    (context === null || context === engine.context) &&
    (kvCodec === null || kvCodec === engine.kvCodec) &&
    (threads === null || threads === engine.info.threads);
  if (!isSo) return 'otherwise';
  const budget = loadedBudget(engine);
  return budget === null || memoryBudget === null || memoryBudget === budget ? 'so' : 'with another budget';
}

/** Load, Load again with other settings, Unload. What does not fit is loaded after a second word, or at once with Alt held. */
export function LoadActions(props: LoadActionsProps) {
  const { model, engine, fit, settings, onLoad, onUnload, onBudget } = props;
  const [isAsking, setIsAsking] = useState(false);
  const isHere = engine.state !== 'none' && engine.model === model.id;
  const isLoaded = isHere && engine.state === 'ready';
  const fits = fit?.fits ?? true;
  const how = howLoaded(engine, model.id, settings);
  const load = (isForced: boolean) => {
    if (!fits && !isForced) setIsAsking(true);
    else onLoad(settings, !fits);
  };
  return (
    <>
      {isLoaded && <Button onClick={onUnload}>Unload</Button>}
      {how === 'with another budget' && (
        <Button
          variant="primary"
          title="Without loading it again"
          onClick={() => onBudget(settings.memoryBudget ?? 'auto')}
        >
          Change the budget
        </Button>
      )}
      {how === 'otherwise' && (
        <Button
          variant={fits ? 'primary' : 'danger'}
          title={fits ? undefined : 'Hold Alt, on a Mac Option, to load without being asked.'}
          onClick={(event) => load(event.altKey)}
        >
          {!fits ? 'Load anyway…' : isLoaded ? 'Load again so' : 'Load'}
        </Button>
      )}
      {isAsking && fit && (
        <Dialog
          title={`Load ${model.title} although it does not fit?`}
          onClose={() => setIsAsking(false)}
          footer={
            <>
              <Button onClick={() => setIsAsking(false)}>Do not load</Button>
              <Button
                variant="danger"
                onClick={() => {
                  setIsAsking(false);
                  onLoad(settings, true);
                }}
              >
                Load anyway
              </Button>
            </>
          }
        >
          <p className="text-text-muted">
            It takes {formatBytes(fit.totalBytes)}, {formatBytes(overBytes(fit))} more than is free. The
            system may become slow, or end the engine.{' '}
            {fit.largestContext > 0 && `A context of ${formatNumber(fit.largestContext)} tokens would fit.`}
          </p>
        </Dialog>
      )}
    </>
  );
}
