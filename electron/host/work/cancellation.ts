import { LabError } from '../../contract/errors.ts';

/** How long a cancelled reply may take to hand over what it has. */
const cancelGraceMs = 5000;

/** `work`, or `cancelled` as soon as the signal fires: for work that does not listen itself and whose process is then ended. */
export async function untilCancelled<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  const cancelled = new LabError('cancelled', 'Cancelled.');
  if (signal.aborted) throw cancelled;
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(cancelled);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Fires some time after `signal`: an engine that does not answer a cancellation by then is ended. */
export function afterGrace(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  signal.addEventListener('abort', () => void setTimeout(() => late.abort(), cancelGraceMs).unref(), {
    once: true,
  });
  return late.signal;
}
