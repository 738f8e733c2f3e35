import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Progress } from '../../contract/progress.ts';

const intervalMs = 100;

export interface ProgressSender {
  readonly report: (progress: Progress) => void;
  /** Waits until what was sent is taken. */
  readonly finish: () => Promise<void>;
}

/** Passes on ten reports a second at most and each new phase at once; while the reader is slow all but the latest are dropped. */
export function progressSender(emit: (progress: Progress) => Promise<void>): ProgressSender {
  let sending: Promise<void> | null = null;
  let sentAt = -Infinity;
  let phase = '';
  return {
    report(progress) {
      const isNews = progress.phase !== phase || performance.now() - sentAt >= intervalMs;
      if (sending || !isNews) return;
      phase = progress.phase;
      sentAt = performance.now();
      sending = emit(progress).finally(() => (sending = null));
    },
    async finish() {
      await sending;
      await nextTurn();
    },
  };
}
