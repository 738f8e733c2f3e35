import { LabError } from '../../contract/errors.ts';

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
