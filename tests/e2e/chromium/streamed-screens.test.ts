/** What pages show of a streamed model of real size, whose figures a host in memory tells. */
/// <reference lib="dom" />
import type { Locator } from 'playwright-core';
import { expect, it } from 'vitest';
import { chromiumPath } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { painted } from '../../helpers/e2e/painted.ts';
import { openSamplePage } from '../../helpers/e2e/sample-pages.ts';
import {
  addSampleChat,
  expertGrid,
  flashChart,
  growReply,
  openModels,
  openStreamedTimeline,
  timeline,
} from '../../helpers/e2e/streamed-steps.ts';
import { StreamedHost } from '../../helpers/streamed-host.ts';

/** Longer than two turns of reading. */
const someReadsMs = 2500;

describeWhere(chromiumPath !== null, 'A streamed model in Chromium', () => {
  it('draws waits and reads in the colour of flash, and the hit rate over them', async () => {
    const host = new StreamedHost();
    addSampleChat(host);
    const { page, problems } = await openSamplePage(host);
    const reply = await growReply(page, host);
    for (const place of [flashChart(page), page.getByRole('figure', { name: 'Time per token' })])
      await expect.poll(() => painted(place, '--cause-flash')).toBeGreaterThan(0);
    for (const role of ['--mem-weights', '--mem-cache'])
      await expect.poll(() => painted(page.getByRole('figure', { name: 'Memory' }), role)).toBeGreaterThan(0);
    await openStreamedTimeline(page, host, reply);
    await expect.poll(() => painted(timeline(page), '--cause-flash')).toBeGreaterThan(0);
    expect(problems.take()).toEqual([]);
  });

  it('draws 48 × 128 experts, each reached by keys, and reads them only while somebody looks', async () => {
    const host = new StreamedHost();
    const { page, problems } = await openSamplePage(host);
    await openModels(page);
    const grid = expertGrid(page);
    const map = grid.locator('..');
    await expect.poll(() => painted(map, '--seq-9')).toBeGreaterThan(100);
    await grid.focus();
    const cell = grid.getByRole('gridcell');
    for (const key of ['Home', 'End', 'PageDown', 'ArrowDown']) await page.keyboard.press(key);
    expect(await cell.textContent()).toMatch(
      /^layer 9, expert 127: [\d.]+ % of tokens, [\d.]+ % had to read it, in (memory|flash)$/,
    );
    await page.getByRole('radio', { name: 'in cache' }).click();
    await expect.poll(() => painted(map, '--mem-cache')).toBeGreaterThan(100);

    const before = host.flashReads;
    host.setBusy(true);
    await expect.poll(() => host.flashReads, { timeout: 15_000 }).toBeGreaterThan(before + 2);
    const at = host.flashReads;
    await page.waitForTimeout(someReadsMs);
    expect(host.flashReads - at).toBeLessThanOrEqual(someReadsMs / 500 + 1);
    await page.getByRole('link', { name: 'Chat', exact: true }).click();
    await grid.waitFor({ state: 'detached' });
    const left = host.flashReads;
    await page.waitForTimeout(someReadsMs);
    expect(host.flashReads).toBe(left);
    expect(problems.take()).toEqual([]);
  });

  it('points at one expert by mouse, and says which', async () => {
    const { page, problems } = await openSamplePage(new StreamedHost());
    await openModels(page);
    const grid = expertGrid(page);
    await grid.scrollIntoViewIfNeeded();
    const place = (await grid.boundingBox())!;
    await page.mouse.move(place.x + 60, place.y + 5);
    const said: Locator = page
      .getByRole('region', { name: 'Experts' })
      .getByText(/^layer 0, expert 1:/)
      .first();
    await said.waitFor();
    expect(problems.take()).toEqual([]);
  });
});
