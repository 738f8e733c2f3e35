/** How long the map of a large cache takes to draw, in a page of the app before a host in memory. See page.test.ts for the figures. */
/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { openCache } from '../helpers/e2e/cache-steps.ts';
import { chromiumPath } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { openSamplePage } from '../helpers/e2e/sample-pages.ts';
import { CacheHost } from '../helpers/cache-host.ts';
import { watched, watchLongTasks } from '../helpers/page-watch.ts';
import { keepFigures, spreadOf } from './figures.ts';

const layers = 30;
const positions = 8192;
const mostMs = 100;

type TimedWindow = typeof globalThis & { drawings: number[] };

/** Notes how long each drawing of the map takes, from clearing the canvas to the last thing on it. */
function watchDrawings(page: Page): Promise<void> {
  return page.evaluate(() => {
    const drawings: number[] = [];
    (globalThis as TimedWindow).drawings = drawings;
    const unbound = Object.getOwnPropertyDescriptor(CanvasRenderingContext2D.prototype, 'clearRect')
      ?.value as (this: CanvasRenderingContext2D, ...area: [number, number, number, number]) => void;
    CanvasRenderingContext2D.prototype.clearRect = function (...area) {
      const started = performance.now();
      // What is drawn in the same task is drawn by then.
      queueMicrotask(() => drawings.push(performance.now() - started));
      unbound.apply(this, area);
    };
  });
}

describeWhere(chromiumPath !== null, 'the map of a cache', () => {
  test(`of ${layers} layers and ${positions} positions is drawn in less than ${mostMs} ms`, async () => {
    const { page } = await openSamplePage(new CacheHost(layers, positions));
    const map = await openCache(page);
    await map.waitFor();
    await page.waitForTimeout(1000);
    await watchDrawings(page);
    await watchLongTasks(page);
    for (const measure of ['key norm', 'value norm', 'bytes', 'attention', 'key norm', 'attention']) {
      await page.getByRole('radio', { name: measure }).click();
      await page.getByRole('grid', { name: new RegExp(`${measure}$`) }).waitFor();
      await page.waitForTimeout(600);
    }
    const drawings = await page.evaluate(() => (globalThis as TimedWindow).drawings);
    expect(drawings.length).toBeGreaterThanOrEqual(6);
    const { longTasks } = await watched(page);
    const tasks = longTasks.map(({ durationMs }) => durationMs);
    keepFigures(`ms to draw a map of ${layers} × ${positions}`, spreadOf(drawings));
    keepFigures('ms of tasks over 50 ms when its measure changes', {
      tasks: tasks.length,
      longest: Math.max(0, ...tasks),
    });
    expect(spreadOf(drawings).median).toBeLessThan(mostMs);
  }, 120_000);
});
