/** Listens to the heart of an engine process: it answers between tokens and while it loads, unless it hangs. */
import type { EngineProcess } from '../engines/engine-starter.ts';

const beatMs = 1000;

/** Calls `onQuiet` once when no answer has come for `quietMs`. Returns how to stop listening. */
export function watchEngine(
  { client, ended }: Pick<EngineProcess, 'client' | 'ended'>,
  quietMs: number,
  onQuiet: () => void,
): () => void {
  let answeredAt = performance.now();
  let isAsking = false;
  const stop = () => clearInterval(beating);
  const answered = () => {
    answeredAt = performance.now();
    isAsking = false;
  };
  const beating = setInterval(() => {
    if (performance.now() - answeredAt > quietMs) {
      stop();
      return onQuiet();
    }
    if (isAsking) return;
    isAsking = true;
    // An error is an answer too.
    client.memory({}).then(answered, answered);
  }, beatMs);
  beating.unref();
  void ended.then(stop);
  return stop;
}
