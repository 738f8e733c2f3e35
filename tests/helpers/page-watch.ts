/** What a page tells of its own smoothness. Its functions run in the page. */
/// <reference lib="dom" />
import type { Page } from 'playwright-core';

export interface LongTask {
  readonly startMs: number;
  readonly durationMs: number;
}

/** When a text was seen painted, by its length. Milliseconds since 1970. */
export interface PaintedLength {
  readonly at: number;
  readonly length: number;
}

interface Watched {
  longTasks: LongTask[];
  painted: PaintedLength[];
  frames: number;
}
type WatchedWindow = typeof globalThis & { watched: Watched };

/** Begins to count tasks over 50 ms, as the browser itself reports them. */
export function watchLongTasks(page: Page): Promise<void> {
  return page.evaluate(() => {
    const watched: Watched = { longTasks: [], painted: [], frames: 0 };
    (globalThis as WatchedWindow).watched = watched;
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        watched.longTasks.push({ startMs: startTime, durationMs: duration });
    }).observe({ type: 'longtask' });
  });
}

/** After every frame notes how long the growing reply's text is. What a message posted in a frame's callback sees has been painted. */
export function watchPainting(page: Page): Promise<void> {
  return page.evaluate(() => {
    const { watched } = globalThis as WatchedWindow;
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const reply = document.querySelector('article[aria-busy=true] [dir=auto]');
      const length = reply?.textContent.length ?? 0;
      watched.frames += 1;
      if (length > (watched.painted.at(-1)?.length ?? 0))
        watched.painted.push({ at: performance.timeOrigin + performance.now(), length });
    };
    const frame = () => {
      channel.port2.postMessage(null);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

export function watched(page: Page): Promise<Watched> {
  return page.evaluate(() => (globalThis as WatchedWindow).watched);
}
