/** What is measured of a real reply and of a real model, as it is drawn in Chromium. */
/// <reference lib="dom" />
import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import {
  ask,
  beginChat,
  longQuestion,
  ready,
  replies,
  setLongestReply,
  status,
} from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import { painted } from '../../helpers/e2e/painted.ts';

/** Enough for columns that are seen, few enough for a busy machine. */
const longestReply = 48;

const chart = (page: Page, name: string): Locator => page.getByRole('figure', { name });
const timeline = (page: Page): Locator => page.getByRole('region', { name: 'Token timeline' });
const cursor = (place: Locator): Locator => place.getByRole('slider');

async function openTimeline(page: Page): Promise<void> {
  await replies(page).last().getByTitle('Show the token timeline').click();
  await timeline(page)
    .getByText(/A token took/)
    .waitFor();
}

describe.skipIf(chromiumPath === null)('Instruments in Chromium', { timeout: journeyLimitMs }, () => {
  const app = useChromium();

  it('draw a reply by cause in the colours of the theme, and again when it changes', async () => {
    const { page } = app();
    await ready(page);
    await beginChat(page);
    await setLongestReply(page, longestReply);
    await ask(page, longQuestion);
    await openTimeline(page);
    const places = [chart(page, 'Time per token'), timeline(page)];
    for (const theme of ['light', 'dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      for (const place of places) {
        for (const role of ['--cause-attention', '--cause-feedforward']) {
          await expect.poll(() => painted(place, role), { timeout: 10_000 }).toBeGreaterThan(0);
        }
      }
    }
    expect(await painted(chart(page, 'Memory'), '--mem-weights')).toBeGreaterThan(0);
    expect(await painted(chart(page, 'KV'), '--mem-kv')).toBeGreaterThan(0);
    // Nothing was read from flash: its colour is nowhere.
    expect(await painted(timeline(page), '--cause-flash')).toBe(0);
    await expect.poll(() => timeline(page).getByText('flash wait').count()).toBe(0);
  });

  it('mark one token in its text, its timeline and every live chart', async () => {
    const { page } = app();
    await cursor(timeline(page)).focus();
    for (const key of ['Home', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    expect(await cursor(timeline(page)).getAttribute('aria-valuetext')).toMatch(
      /^token 2 “.+”, probability 0\.\d{3}, .* ms$/,
    );
    const card = page.getByRole('group', { name: 'Token 2' });
    expect(await card.getByRole('button').count()).toBe(10);
    await expect
      .poll(() => cursor(chart(page, 'Speed')).getAttribute('aria-valuetext'))
      .toMatch(/^\d+\.\d s ago: speed [\d.,]+ tokens\/s$/);
    await page.keyboard.press('Escape');
    await card.waitFor({ state: 'detached' });
    expect(await cursor(chart(page, 'Speed')).getAttribute('aria-valuetext')).not.toMatch(/ago/);
  });

  it('show the same numbers as tables', async () => {
    const { page } = app();
    await page.getByRole('radiogroup', { name: 'Show as' }).getByRole('radio', { name: 'table' }).click();
    const table = page.getByRole('table', { name: 'Memory, table' });
    await table.waitFor();
    expect(await table.getByRole('row').nth(1).getByRole('cell').first().innerText()).toMatch(
      /^(0|−\d+)\.\d$/,
    );
    await page.getByRole('radiogroup', { name: 'Show as' }).getByRole('radio', { name: 'charts' }).click();
  });

  it('price a model before it is loaded, with what was measured beside it', async () => {
    const { page } = app();
    await page.getByRole('link', { name: 'Models' }).click();
    const fit = page.getByRole('region', { name: 'Fit before load' });
    await fit.getByText(/^measured last/).waitFor();
    const sum = async () => (await fit.getByText(/^sum /).innerText()).trim();
    const whole = await sum();
    await fit.getByRole('radio', { name: 'q8' }).click();
    await expect.poll(sum).not.toBe(whole);
    // What the next turn of the open chat would hold stays the same.
    const held = (
      await status(page)
        .getByText(/^[\d,]+ of 8,192$/)
        .innerText()
    ).split(' ')[0];
    const context = fit.getByRole('slider', { name: 'Context' });
    for (let step = 0; step < 24; step++) await context.press('ArrowLeft');
    expect(await context.getAttribute('aria-valuetext')).toBe('1,024 tokens');
    await fit.getByRole('button', { name: 'Load again so' }).click();
    await status(page).getByText(`${held} of 1,024`, { exact: true }).waitFor();
    await fit.getByRole('button', { name: 'Unload' }).click();
    await status(page).getByText('No model in memory').waitFor();
    await fit.getByRole('button', { name: 'Load', exact: true }).click();
    await ready(page);
    await page.getByRole('navigation', { name: 'Models' }).getByText('loaded').waitFor();
  });
});
