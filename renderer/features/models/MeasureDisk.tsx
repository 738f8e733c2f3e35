import { useEffect, useRef, useState } from 'react';
import type { Progress } from '../../../electron/contract/progress.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { drain } from '../../../electron/contract/rpc-client.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';

type Measuring =
  | { readonly state: 'idle' }
  | { readonly state: 'running'; readonly progress: Progress | null }
  | { readonly state: 'failed'; readonly message: string };

/** Measures the disk that the model lies on, once for all models there. Who leaves gives it up. */
function useMeasuring(modelId: string, onMeasured: () => void) {
  const { client } = useHost();
  const [measuring, setMeasuring] = useState<Measuring>({ state: 'idle' });
  const call = useRef(new AbortController());
  useEffect(() => () => call.current.abort(), []);
  async function begin(): Promise<void> {
    const { signal } = (call.current = new AbortController());
    setMeasuring({ state: 'running', progress: null });
    try {
      await drain(client.measureDisk({ id: modelId }, { signal }), (progress) => {
        if (!signal.aborted) setMeasuring({ state: 'running', progress });
      });
      if (signal.aborted) return;
      setMeasuring({ state: 'idle' });
      onMeasured();
    } catch (error) {
      if (!signal.aborted) setMeasuring({ state: 'failed', message: toLabError(error).message });
    }
  }
  const cancel = () => {
    call.current.abort();
    setMeasuring({ state: 'idle' });
  };
  return { measuring, begin: () => void begin(), cancel };
}

/** Where a prediction lacks how fast the disk is. */
export function MeasureDisk({
  modelId,
  onMeasured,
}: {
  readonly modelId: string;
  readonly onMeasured: () => void;
}) {
  const { measuring, begin, cancel } = useMeasuring(modelId, onMeasured);
  if (measuring.state === 'running') {
    const { done, total } = measuring.progress ?? { done: 0, total: 0 };
    const percent = total > 0 ? `${formatNumber((done / total) * 100)} %` : 'starting';
    return (
      <ProgressBar
        title="Measuring the disk"
        done={done}
        total={total}
        figures={[percent]}
        action={
          <Button size="small" onClick={cancel}>
            Cancel
          </Button>
        }
      />
    );
  }
  const button = (
    <Button size="small" onClick={begin}>
      Measure the disk
    </Button>
  );
  if (measuring.state === 'failed') {
    return (
      <Notice level="error" title="The disk could not be measured." actions={button}>
        {measuring.message}
      </Notice>
    );
  }
  return (
    <p className="flex items-center gap-2 text-1 text-text-muted">
      {button}
      <span>takes seconds, once for all models on it.</span>
    </p>
  );
}
