import { useState } from 'react';
import type { Fit, LoadSettings, LoadState, PageModel } from '../../../electron/contract/machine.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { overBytes } from './fit.ts';

export interface LoadActionsProps {
  readonly model: PageModel;
  readonly engine: LoadState;
  readonly fit: Fit | null;
  readonly settings: LoadSettings;
  readonly onLoad: (settings: LoadSettings, force: boolean) => void;
  readonly onUnload: () => void;
}

/** Whether loading with these settings would be something else than what is loaded. */
function isLoadedSo(engine: LoadState, id: string, settings: LoadSettings): boolean {
  if (engine.state !== 'ready' || engine.model !== id) return false;
  const { context, kvCodec, threads } = settings;
  return (
    (context === null || context === engine.context) &&
    (kvCodec === null || kvCodec === engine.kvCodec) &&
    (threads === null || threads === engine.info.threads)
  );
}

/** Load, Load again with other settings, Unload. What does not fit is loaded after a second word, or at once with Alt held. */
export function LoadActions({ model, engine, fit, settings, onLoad, onUnload }: LoadActionsProps) {
  const [isAsking, setIsAsking] = useState(false);
  const isHere = engine.state !== 'none' && engine.model === model.id;
  const isLoaded = isHere && engine.state === 'ready';
  const fits = fit?.fits ?? true;
  const load = (isForced: boolean) => {
    if (!fits && !isForced) setIsAsking(true);
    else onLoad(settings, !fits);
  };
  return (
    <>
      {isLoaded && <Button onClick={onUnload}>Unload</Button>}
      {!isLoadedSo(engine, model.id, settings) && (
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
