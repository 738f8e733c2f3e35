/**
 * Settings of the bundled model compared in the running app: pictures of the result and its figures. `npm run pictures:compare` puts the pictures
 * into docs/pictures and the figures into docs/compare.md; in `npm test` a shorter text is read and they go to .cache/pictures.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { ready } from '../helpers/e2e/app-steps.ts';
import { root } from '../helpers/e2e/build.ts';
import { chromiumPath, openInChromium } from '../helpers/e2e/chromium.ts';
import {
  chooseVariants,
  compared,
  comparedLimitMs,
  goTo,
  startComparison,
} from '../helpers/e2e/compare-steps.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';

const isForDocuments = process.env['npm_lifecycle_event'] === 'pictures:compare';
const folder = join(root, isForDocuments ? 'docs/pictures' : '.cache/pictures');
const choice = isForDocuments
  ? { replyTokens: 96, textTokens: null, window: 256, weights: true }
  : { replyTokens: 32, textTokens: 256, window: 128, weights: true };

/** Charts are drawn in turn, at most five times a second each. */
const untilDrawnMs = 1500;

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(untilDrawnMs);
  const image = await page.screenshot({ path: join(folder, `${name}.png`) });
  expect(image.length).toBeGreaterThan(10_000);
}

/** The table of variants, as Markdown. */
async function figures(page: Page): Promise<string> {
  const table = page.getByRole('table', { name: 'Variants' });
  const cellsOf = async (selector: string) => (await table.locator(selector).allInnerTexts()).map(plain);
  const heads = await cellsOf('th');
  const rows = await table.locator('tbody tr').all();
  const lines = await Promise.all(
    rows.map(async (row) => (await row.locator('td').allInnerTexts()).map(plain)),
  );
  return [heads, heads.map((_, column) => (column === 0 ? '---' : '--:')), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** Of the first cell letter and name alone: how each is computed stands in the name. */
const plain = (text: string): string =>
  text.split('\n').slice(0, 2).join(' ').replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();

const [begin, end] = ['<!-- figures: begin -->', '<!-- figures: end -->'];

async function keepFigures(table: string, note: string): Promise<void> {
  const file = join(root, 'docs/compare.md');
  const text = readFileSync(file, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const [, after = ''] = rest.split(end);
  const whole = `${before}${begin}\n\n${table}\n\n${note}\n\n${end}${after}`;
  writeFileSync(file, await format(whole, { ...(await resolveConfig(file)), filepath: file }));
}

describeWhere(chromiumPath !== null, 'settings of the bundled model', () => {
  test(
    'are compared and shown',
    async () => {
      mkdirSync(folder, { recursive: true });
      const { page } = await openInChromium({ context: { colorScheme: 'light', reducedMotion: 'reduce' } });
      await ready(page);
      await chooseVariants(page, choice);
      await picture(page, 'compare-set-up-light');
      await startComparison(page);
      await compared(page);
      await page.mouse.move(0, 0); // where Start was are tokens now
      await picture(page, 'compare-light');
      await page.emulateMedia({ colorScheme: 'dark' });
      await picture(page, 'compare-dark');
      await page.emulateMedia({ colorScheme: 'light' });
      await page.getByRole('listbox', { name: 'Tokens as C saw them' }).focus();
      await page.keyboard.press('End');
      await picture(page, 'compare-token-light');
      await page.keyboard.press('Escape');
      await page.setViewportSize({ width: 1920, height: 1080 });
      await picture(page, 'compare-1920-light');
      await page.setViewportSize({ width: 1280, height: 800 });
      const table = await figures(page);
      expect(table.split('\n')).toHaveLength(5);
      const note = await page.getByText(/^KL, top-1 and perplexity on/).innerText();
      if (isForDocuments)
        await keepFigures(table, `${note}. Measured on ${cpus()[0]?.model ?? 'an unnamed processor'}.`);
      await goTo(page, 'Runs');
      await page.getByRole('table', { name: 'Runs' }).getByRole('button').first().click();
      await page.getByRole('table', { name: 'Figures' }).waitFor();
      await picture(page, 'runs-light');
    },
    comparedLimitMs + 120_000,
  );
});
