/** A real model that is streamed from flash, from the pack that the command line makes to the end: load, watch, stop, another budget, unload. */
/// <reference lib="dom" />
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, expect, it, vi } from 'vitest';
import { runCommand } from '../../helpers/project-copy.ts';
import {
  answered,
  ask,
  beginChat,
  capital,
  grown,
  longQuestion,
  ready,
  replies,
  send,
  setLongestReply,
  status,
  stop,
  stopLimitMs,
} from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs, root } from '../../helpers/e2e/build.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { painted } from '../../helpers/e2e/painted.ts';
import { environmentFor, temporaryHome } from '../../helpers/e2e/serve.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

const bundled = 'smollm2-135m-instruct';
const packName = 'lighthouse.retortpack';

const fit = (page: Page): Locator => page.getByRole('region', { name: 'Fit before load' });
const budget = (page: Page): Locator => page.getByRole('slider', { name: 'Memory budget' });
const weights = (page: Page): Locator => status(page).getByText(/^Weights from/);
const flashReads = (page: Page): Locator => page.getByRole('figure', { name: 'Flash reads' });

async function makePack(home: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const args = ['electron/cli/main.ts', 'pack', bundled, '--out', join(folder, packName)];
  const { code, stderr } = await runCommand(process.execPath, args, { cwd: root, env: environmentFor(home) });
  if (code !== 0) throw new Error(stderr);
}

/** Presses until the slider rests at its least. */
async function chooseLeast(page: Page): Promise<void> {
  await budget(page).press('Home');
  const least =
    /at least ([\d.]+)/.exec(
      await fit(page)
        .getByText(/^at least/)
        .innerText(),
    )?.[1] ?? '';
  // Whole MiB: rounded up from the least.
  await expect
    .poll(async () => Number.parseFloat((await budget(page).getAttribute('aria-valuetext')) ?? ''))
    .toBeLessThanOrEqual(Number(least) + 1.05);
}

/** What the chart says was read altogether in its minute. */
async function bytesShown(page: Page): Promise<number> {
  const text = (await flashReads(page).getByRole('listitem').first().textContent()) ?? '';
  const [, value = '0', unit = 'B'] = /read ([\d.,]+) (\w+)/.exec(text) ?? [];
  const sizes: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
  return Number(value.replaceAll(',', '')) * (sizes[unit] ?? NaN);
}

describeWhere(chromiumPath !== null, 'A model streamed from flash', () => {
  const home = temporaryHome();
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const app = useChromium(async () => {
    const folder = join(home, 'packs');
    await makePack(home, folder);
    return { home, modelFolders: [folder] };
  });

  it('is loaded with the least memory that its panel names, which is less than all of it', async () => {
    const { page } = app();
    await ready(page);
    expect(await weights(page).innerText()).toBe('Weights from RAM');
    expect(await flashReads(page).count()).toBe(0);
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    const list = page.getByRole('navigation', { name: 'Models' });
    await list.getByText('streamed', { exact: true }).waitFor();
    await list.getByRole('link', { name: /Retort pack/ }).click();
    await fit(page)
      .getByText(/^read a token/)
      .waitFor();
    await chooseLeast(page);
    await fit(page).getByText('fits, streamed').waitFor();
    await fit(page).getByRole('button', { name: 'Load', exact: true }).click();
    await fit(page).getByRole('button', { name: 'Unload' }).waitFor();
    await ready(page);
    expect(await weights(page).innerText()).toMatch(/^Weights from flash/);
  });

  it('says the same as in memory, and what was read grows in the panel and the status line', async () => {
    const { page } = app();
    await page.getByRole('link', { name: 'Chat', exact: true }).click();
    await beginChat(page);
    expect(await ask(page, capital.question)).toBe(capital.answer);
    await expect
      .poll(() => painted(flashReads(page), '--cause-flash'), { timeout: 15_000 })
      .toBeGreaterThan(0);
    const first = await bytesShown(page);
    expect(first).toBeGreaterThan(0);
    expect(await weights(page).innerText()).toMatch(/^Weights from flash, \d+ % hits$/);
    await setLongestReply(page, 24);
    await ask(page, longQuestion);
    await expect.poll(() => bytesShown(page), { timeout: 15_000 }).toBeGreaterThan(first);
  });

  it('tells the reads of each token in its timeline', async () => {
    const { page } = app();
    await replies(page).last().getByTitle('Show the token timeline').click();
    const timeline = page.getByRole('region', { name: 'Token timeline' });
    await timeline.getByText(/^read a token/).waitFor();
    await timeline.getByText(/^flash wait/).waitFor();
    await timeline.getByRole('slider').focus();
    await page.keyboard.press('End');
    const card = page.getByRole('group', { name: 'Token 23' });
    await card.getByText(/^\d+ hit, [1-9]\d* missed$/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Close the timeline' }).click();
  });

  it('stops within the limit while it reads, and writes on', async () => {
    const { page } = app();
    await setLongestReply(page, 400);
    await send(page, longQuestion);
    await grown(page, 5);
    await expect
      .poll(() => weights(page).innerText())
      .toMatch(/^Weights from flash, [\d.]+ \w+\/s, \d+ % hits$/);
    expect(await stop(page)).toBeLessThanOrEqual(stopLimitMs);
    await answered(page);
    await replies(page).last().getByText('stopped at your request').waitFor();
    await setLongestReply(page, 24);
    await ask(page, capital.question);
  });

  it('takes another budget without a load, and then waits for less', async () => {
    const { page } = app();
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    await fit(page)
      .getByText(/^measured last/)
      .waitFor();
    await budget(page).press('End');
    await fit(page)
      .getByText(/all of it stays in memory/)
      .waitFor();
    await fit(page).getByRole('button', { name: 'Change the budget' }).click();
    await fit(page).getByRole('button', { name: 'Change the budget' }).waitFor({ state: 'detached' });
    await expect.poll(() => weights(page).innerText(), { timeout: 15_000 }).toBe('Weights from RAM');
    await page.getByRole('link', { name: 'Chat', exact: true }).click();
    await beginChat(page);
    expect(await ask(page, capital.question)).toBe(capital.answer);
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    await chooseLeast(page);
    await fit(page).getByRole('button', { name: 'Change the budget' }).click();
    await expect.poll(() => weights(page).innerText(), { timeout: 15_000 }).toMatch(/^Weights from flash/);
  });

  it('is unloaded, and its last budget is what the next loading begins with', async () => {
    const { page } = app();
    const chosen = await budget(page).getAttribute('aria-valuetext');
    await fit(page).getByRole('button', { name: 'Unload' }).click();
    await status(page).getByText('No model in memory').waitFor();
    expect(await weights(page).count()).toBe(0);
    await page.getByRole('link', { name: /SmolLM2/ }).click();
    await page.getByRole('link', { name: /Retort pack/ }).click();
    await expect.poll(() => budget(page).getAttribute('aria-valuetext')).toBe(chosen);
  });
});
