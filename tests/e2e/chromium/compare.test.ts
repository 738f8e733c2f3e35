/** Comparing settings of the bundled model in a browser, from the first choice to exported files. */
import type { Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { CompareResult } from '../../../electron/contract/compare.ts';
import { ready } from '../../helpers/e2e/app-steps.ts';
import { violations } from '../../helpers/e2e/axe.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import {
  chooseSettings,
  compared,
  comparedLimitMs,
  exported,
  goTo,
  priced,
  saved,
  startComparison,
} from '../../helpers/e2e/compare-steps.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';

vi.setConfig({ testTimeout: 2 * comparedLimitMs });

const short = { replyTokens: 24, textTokens: 384, window: 128, weights: true };
const png = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

/** What the result page says of each variant, by the table's heads. */
async function variantCells(page: Page): Promise<string[][]> {
  const rows = page.getByRole('table', { name: 'Variants' }).locator('tbody tr');
  return Promise.all((await rows.all()).map((row) => row.locator('td').allInnerTexts()));
}

describeWhere(chromiumPath !== null, 'Compare and Runs in a browser', () => {
  const app = useChromium({ context: { reducedMotion: 'reduce' } });

  it('settings are priced, compared, and shown again after the page is loaded anew', async () => {
    const { page } = app();
    await ready(page);
    await chooseSettings(page, short);
    expect(await page.getByText(/384 tokens of text in 3 windows/).count()).toBe(1);
    await startComparison(page);
    await page.reload();
    await page.getByRole('progressbar').first().waitFor();
    await compared(page);
    const [reference, fast, narrow] = await variantCells(page);
    expect(reference?.[3]?.trim()).toBe('0');
    for (const cells of [fast, narrow]) {
      const kl = Number(cells?.[3]?.split(' ')[0]);
      expect(kl).toBeGreaterThan(0);
      expect(kl).toBeLessThan(0.05);
      expect(cells?.[4]).toMatch(/^9\d\.\d %/);
    }
    expect(Number(narrow?.[5]?.split(' ')[0])).toBeCloseTo(Number(reference?.[5]?.split(' ')[0]), 0);
  });

  it('a token’s two distributions are reached by keys, and each chart has its table and files', async () => {
    const { page } = app();
    const list = page.getByRole('listbox', { name: 'Tokens as C saw them' });
    await list.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await list.getByRole('option', { selected: true }).getAttribute('aria-label')).toMatch(
      /^token 1 .*KL/,
    );
    expect(await page.getByRole('tooltip').getByText('likeliest of both').count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.getByRole('tooltip').waitFor({ state: 'detached' });
    const map = page.getByRole('grid', { name: /^Errors of B/ });
    await map.focus();
    await page.keyboard.press('End');
    expect(await map.getByRole('gridcell').innerText()).toMatch(/^layer 0|^layer 29/);
    await page
      .getByText(/^relative RMS error 0$/)
      .last()
      .waitFor();
    const panel = page.getByRole('region', { name: 'Quality against size' });
    await panel.getByRole('button', { name: 'Save Quality against size' }).click();
    const picture = await saved(page, () => page.getByRole('menuitem', { name: 'PNG' }).click());
    expect(picture.bytes.subarray(0, 4)).toEqual(png);
  });

  it('the result is exported as a picture, a table, JSON and one page without places of files', async () => {
    const { page, home } = app();
    const picture = await exported(page, 'PNG');
    expect(picture.name).toMatch(/^retort-compare-.*\.png$/);
    expect(picture.bytes.subarray(0, 4)).toEqual(png);
    expect(picture.bytes.length).toBeGreaterThan(20_000);
    const json = JSON.parse((await exported(page, 'JSON')).bytes.toString()) as { figures: unknown };
    expect(CompareResult.parse(json.figures).columns).toHaveLength(3);
    const csv = (await exported(page, 'CSV')).bytes.toString();
    expect(csv.split('\n').length).toBeGreaterThan(4);
    const html = (await exported(page, 'HTML, one page')).bytes.toString();
    expect(html).toContain('<!doctype html>');
    expect(html + csv + JSON.stringify(json)).not.toContain(home);
  });

  it('is repeated from Runs, put beside the first, and removed', async () => {
    const { page } = app();
    await goTo(page, 'Runs');
    await page.getByRole('table', { name: 'Runs' }).getByRole('button').first().click();
    await page.getByRole('button', { name: 'Repeat' }).click();
    await page.getByRole('progressbar').first().waitFor();
    await compared(page);
    await goTo(page, 'Runs');
    // The list may not have the second yet.
    await page.getByRole('checkbox').nth(1).waitFor();
    for (const box of await page.getByRole('checkbox').all()) await box.check();
    const pair = page.getByRole('region', { name: 'Two runs, side by side' });
    await pair.getByText('Same model, settings, machine and versions.').waitFor();
    const kl = pair.getByRole('row', { name: /mean KL, nats/ }).first();
    expect(await kl.innerText()).toContain('±0 %');
    const file = await saved(page, () => pair.getByRole('button', { name: 'Save both as CSV' }).click());
    expect(file.bytes.toString().split('\r\n')[0]).toMatch(/^figure,/);
    await page.getByRole('table', { name: 'Runs' }).getByRole('button').first().click();
    await page.getByRole('button', { name: 'Remove…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('1 kept').waitFor();
  });

  it('a comparison is cancelled, and leaves no run', async () => {
    const { page } = app();
    await goTo(page, 'Compare');
    await page.getByRole('textbox', { name: 'Longest reply' }).fill('2000');
    await page.getByRole('textbox', { name: /^Every model answers this/ }).fill('Tell a long story.');
    await priced(page);
    await startComparison(page);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Start' }).waitFor();
    await goTo(page, 'Runs');
    await page.getByText('1 kept').waitFor();
  });

  it.each(['light', 'dark'] as const)('axe finds nothing in %s', async (colorScheme) => {
    const { page } = app();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const seen: Record<string, string[]> = {};
    const look = async (what: string) => void (seen[what] = await violations(page));
    await goTo(page, 'Compare');
    await priced(page);
    await look('a comparison that is put together');
    await goTo(page, 'Runs');
    await page.getByRole('table', { name: 'Runs' }).getByRole('button').first().click();
    await page.getByRole('table', { name: 'Figures' }).waitFor();
    await look('a run');
    await page.getByRole('button', { name: 'Open in Compare' }).click();
    await page.getByRole('listbox').last().focus();
    await page.keyboard.press('End');
    await look('a result');
    await page.keyboard.press('Escape');
    for (const table of await page.getByRole('radio', { name: 'table' }).all()) await table.click();
    await look('a result as tables');
    expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length > 0))).toEqual({});
  });
});
