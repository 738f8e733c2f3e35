import { useEffect, useState } from 'react';
import type { LoadState } from '../../../electron/contract/machine.ts';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { autoBudgetLabel } from '../../app/load-fix.ts';
import { navigate } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes, formatMilliseconds, formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { useModelForSending } from './use-model.ts';

type Loading = Extract<LoadState, { readonly state: 'loading' }>;
type Failed = Extract<LoadState, { readonly state: 'failed' }>;

/** Why no reply can be written now, and the button that changes it; nothing where one can. */
export function EngineState() {
  const engine = useApp((state) => state.engine);
  const isConnected = useApp((state) => state.connection.phase === 'connected');
  if (!isConnected) return null;
  switch (engine.state) {
    case 'ready':
      return null;
    case 'none':
      return <NoModel />;
    case 'loading':
      return <LoadingModel engine={engine} />;
    case 'failed':
      return <FailedModel engine={engine} />;
  }
}

function NoModel() {
  const model = useModelForSending();
  const title = useApp((state) => state.models?.find(({ id }) => id === model)?.title);
  const { loadModel } = useAppActions();
  return (
    <Notice
      level="info"
      title="No model is in memory."
      actions={
        <>
          {model !== null && title !== undefined && (
            <Button size="small" onClick={() => void loadModel(model).catch(() => undefined)}>
              Load {title}
            </Button>
          )}
          <Button size="small" onClick={() => navigate({ screen: 'models', modelId: null })}>
            Choose another
          </Button>
        </>
      }
    >
      {model === null ? 'Choose one to chat with.' : 'A message that is sent now loads it first.'}
    </Notice>
  );
}

/** The time, once a second. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Done of total, rate, time left; bytes where it counts bytes. */
export function loadFigures({ done, total, startedAt }: Loading, now: number): readonly string[] {
  if (total <= 0) return [];
  const isBytes = total > 1_000_000;
  const amount = (value: number) => (isBytes ? formatBytes(value) : formatNumber(value));
  const seconds = Math.max(0.001, (now - startedAt) / 1000);
  const rate = done / seconds;
  const figures = [`${amount(done)} of ${amount(total)}`];
  if (rate > 0 && seconds > 0.5) {
    figures.push(
      `${amount(Math.round(rate))}/s`,
      `${formatMilliseconds(((total - done) / rate) * 1000)} left`,
    );
  }
  return figures;
}

function LoadingModel({ engine }: { readonly engine: Loading }) {
  const { unloadModel } = useAppActions();
  const now = useNow();
  return (
    <div role="status" className="rounded-1 bg-accent-tint px-3 py-2">
      <ProgressBar
        title={`Loading ${engine.title}: ${engine.phase}`}
        done={engine.done}
        total={engine.total}
        figures={loadFigures(engine, now)}
        action={
          <Button size="small" onClick={() => void unloadModel()}>
            Cancel
          </Button>
        }
      />
    </div>
  );
}

function FailedModel({ engine }: { readonly engine: Failed }) {
  return (
    <Notice
      level="error"
      title={`${engine.title} is not running.`}
      actions={
        <>
          <Fix engine={engine} />
          <Button size="small" onClick={() => navigate({ screen: 'models', modelId: null })}>
            Choose another
          </Button>
        </>
      }
    >
      {engine.error.message}
    </Notice>
  );
}

function Fix({ engine: { model, fix } }: { readonly engine: Failed }) {
  const { loadModel } = useAppActions();
  const load = (context: number | null, memoryBudget: 'auto' | null = null) =>
    void loadModel(model, { context, kvCodec: null, threads: null, memoryBudget }).catch(() => undefined);
  switch (fix.kind) {
    case 'reload':
      return (
        <Button size="small" onClick={() => load(null)}>
          Load it again
        </Button>
      );
    case 'lower-context':
      return (
        <Button size="small" onClick={() => load(fix.context)}>
          Load with a context of {formatNumber(fix.context)}
        </Button>
      );
    case 'auto-budget':
      return (
        <Button size="small" onClick={() => load(fix.context, 'auto')}>
          {autoBudgetLabel(fix)}
        </Button>
      );
    case 'choose-model':
      return null;
  }
}
