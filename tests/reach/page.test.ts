/**
 * How smooth the page is, with an engine that plays a recording at a set rate. Figures are printed and kept in .cache/reach.json; they are
 * measurements, so that only what can be counted is asserted. RETORT_REACH_TOKENS sets the length of the long reply.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { field, grown, replies, ready, send, setLongestReply } from '../helpers/e2e/app-steps.ts';
import { buildApp, root } from '../helpers/e2e/build.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { chromiumPath, openInChromium } from '../helpers/e2e/chromium.ts';
import { temporaryHome } from '../helpers/e2e/serve.ts';
import { keepFigures, quantile } from './figures.ts';
import { lengthsOfSaid } from '../helpers/replay/said.ts';
import { watched, watchLongTasks, watchPainting, type PaintedLength } from '../helpers/page-watch.ts';

const longReply = Number(process.env['RETORT_REACH_TOKENS'] ?? 3000);
const replay = (name: string) => join(root, 'tests', 'helpers', 'replay', name);

async function openReplay(file: string, tokensPerSecond: number, tokens: number) {
  const home = temporaryHome();
  const stamps = join(home, 'stamps.txt');
  const app = await openInChromium({
    home,
    program: [replay('replay-serve.ts')],
    env: {
      RETORT_REPLAY_FILE: replay(file),
      RETORT_REPLAY_RATE: String(tokensPerSecond),
      RETORT_REPLAY_STAMPS: stamps,
    },
  });
  const { page } = app;
  await ready(page);
  await setLongestReply(page, tokens);
  return { page, stamps: () => readFileSync(stamps, 'utf8').trim().split('\n').map(Number) };
}

async function untilWritten(page: Page, tokens: number, limitMs: number): Promise<void> {
  const done = replies(page).last().getByRole('button', { name: 'Regenerate' });
  await done.waitFor({ timeout: limitMs });
  expect(await replies(page).last().innerText()).toContain(`${tokens.toLocaleString('en-GB')} tokens`);
}

/** For each token the time from when it was due to when a text that holds it was painted. */
function delays(
  stamps: readonly number[],
  painted: readonly PaintedLength[],
  lengthOf: (token: number) => number,
) {
  return stamps.flatMap((stamp, token) => {
    const seen = painted.find(({ at, length }) => length >= lengthOf(token) && at >= stamp);
    return seen ? [seen.at - stamp] : [];
  });
}

describeWhere(chromiumPath !== null, 'the page beside a reply', () => {
  test(`of ${longReply} tokens of Markdown at 200 tokens/s, with the instruments open, has every token`, async () => {
    const { page } = await openReplay('reply.md', 200, longReply);
    await page.getByRole('complementary', { name: 'Instruments' }).waitFor();
    await watchLongTasks(page);
    await send(page, 'Say it.');
    await untilWritten(page, longReply, 60_000 + longReply * 20);
    const { longTasks } = await watched(page);
    const durations = longTasks.map(({ durationMs }) => durationMs);
    keepFigures(`tasks over 50 ms beside ${longReply} tokens at 200 tokens/s`, {
      tasks: durations.length,
      longest: Math.max(0, ...durations),
    });
  }, 600_000);

  test('at 60 tokens/s shows each token soon after the engine had it', async () => {
    const tokens = 600;
    const { page, stamps } = await openReplay('words.md', 60, tokens);
    await watchLongTasks(page);
    await watchPainting(page);
    await send(page, 'Say it.');
    await grown(page, 1);
    await untilWritten(page, tokens, 120_000);
    const { painted } = await watched(page);
    const due = stamps();
    expect(due).toHaveLength(tokens);
    const lengths = await lengthsOfSaid(replay('words.md'), tokens);
    const times = delays(due, painted, (token) => lengths[token] ?? Infinity);
    expect(times.length).toBeGreaterThan(tokens * 0.9);
    keepFigures('ms from engine to painted frame at 60 tokens/s', {
      p50: quantile(times, 0.5),
      p95: quantile(times, 0.95),
      max: Math.max(...times),
    });
    await expect.poll(() => field(page).isEnabled()).toBe(true);
  }, 300_000);
});

test('what the first screen loads is at most 600 kB, packed', async () => {
  await buildApp();
  const pages = join(root, 'out', 'app', 'renderer');
  const html = readFileSync(join(pages, 'index.html'), 'utf8');
  const files = [...html.matchAll(/(?:src|href)="\.?\/?([^"]+\.(?:js|css))"/g)].map(([, name = '']) => name);
  expect(files.length).toBeGreaterThan(1);
  const sizes = [html, ...files.map((name) => readFileSync(join(pages, name)))].map(
    (data) => gzipSync(data).length,
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  keepFigures('bytes of the first screen, gzip', { total, files: files.length });
  expect(total).toBeLessThanOrEqual(600_000);
});
