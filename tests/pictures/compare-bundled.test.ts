/**
 * The bundled model beside variants of itself, quantized here and compared in the running app: pictures of the result and its figures.
 * `npm run pictures:compare` puts the pictures into docs/pictures and the figures into docs/compare.md; in `npm test` fewer variants read a
 * shorter text, and pictures go to .cache/pictures.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { format, resolveConfig } from 'prettier';
import { expect, onTestFinished, test } from 'vitest';
import { ready } from '../helpers/e2e/app-steps.ts';
import { root } from '../helpers/e2e/build.ts';
import { chromiumPath, openInChromium } from '../helpers/e2e/chromium.ts';
import {
  chooseModels,
  compared,
  comparedLimitMs,
  goTo,
  makeVariants,
  startComparison,
} from '../helpers/e2e/compare-steps.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { temporaryHome } from '../helpers/e2e/serve.ts';

const isForDocuments = process.env['npm_lifecycle_event'] === 'pictures:compare';
const folder = join(root, isForDocuments ? 'docs/pictures' : '.cache/pictures');
const choice = isForDocuments
  ? { replyTokens: 96, textTokens: null, window: 256, weights: true }
  : { replyTokens: 32, textTokens: 256, window: 128, weights: true };
/** Recipes that stand beside the bundled model, largest first; of a comparison there are pictures, then of one more the figures alone. */
const [pictured, figured] = isForDocuments
  ? [['q8', 'q4-g32', 'q2-g32'], ['q4-g128']]
  : [['q4-g32', 'q2-g32'], []];

/** Charts are drawn in turn, at most five times a second each. */
const untilDrawnMs = 1500;

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(untilDrawnMs);
  const image = await page.screenshot({ path: join(folder, `${name}.png`) });
  expect(image.length).toBeGreaterThan(10_000);
}

async function inBoth(page: Page, name: string): Promise<void> {
  await picture(page, `${name}-light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, `${name}-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Cells of the table of variants; of the first cell the name alone: how each is computed stands in the text. */
async function figures(page: Page): Promise<string[][]> {
  const table = page.getByRole('table', { name: 'Variants' });
  const cellsOf = (texts: string[]) =>
    texts.map((text) => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim());
  const rows = await table.locator('tbody tr').all();
  const lines = rows.map(async (row) => {
    const [first = '', ...rest] = await row.locator('td').allInnerTexts();
    return cellsOf([first.split('\n')[1] ?? first, ...rest]);
  });
  return [cellsOf(await table.locator('th').allInnerTexts()), ...(await Promise.all(lines))];
}

const klOf = (cells: readonly string[]): number => Number(cells[3]?.split(' ')[0]);

const [begin, end] = ['<!-- figures: begin -->', '<!-- figures: end -->'];

async function keepFigures([heads = [], ...rows]: string[][], note: string): Promise<void> {
  const table = [heads, heads.map((_, column) => (column === 0 ? '---' : '--:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  const file = join(root, 'docs/compare.md');
  const text = readFileSync(file, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const [, after = ''] = rest.split(end);
  const whole = `${before}${begin}\n\n${table}\n\n${note}\n\n${end}${after}`;
  writeFileSync(file, await format(whole, { ...(await resolveConfig(file)), filepath: file }));
}

/** The result as it stands at first, one token of the last variant, and its weights. */
async function picturesOfResult(page: Page): Promise<void> {
  await page.mouse.move(0, 0); // where Start was are tokens now
  await inBoth(page, 'compare');
  await page.setViewportSize({ width: 1920, height: 1080 });
  await picture(page, 'compare-1920-light');
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole('listbox', { name: 'Tokens as C saw them' }).focus();
  await page.keyboard.press('Enter');
  await picture(page, 'compare-token-light');
  await page.keyboard.press('Escape');
  await page.getByRole('radio', { name: 'C', exact: true }).click();
  await page.getByText('relative RMS error').last().scrollIntoViewIfNeeded();
  await inBoth(page, 'compare-weights');
}

describeWhere(chromiumPath !== null, 'variants of the bundled model', () => {
  test(
    'are made, compared and shown',
    async () => {
      mkdirSync(folder, { recursive: true });
      const home = temporaryHome();
      onTestFinished(() => rmSync(home, { recursive: true, force: true }));
      const [titles, others] = [await makeVariants(home, pictured), await makeVariants(home, figured)];
      const { page } = await openInChromium({
        home,
        context: { colorScheme: 'light', reducedMotion: 'reduce' },
      });
      await ready(page);
      await chooseModels(page, titles, choice);
      await picture(page, 'compare-set-up-light');
      await startComparison(page);
      const run = await compared(page);
      await picturesOfResult(page);
      const [heads, reference, ...variants] = await figures(page);
      const kls = variants.map(klOf);
      expect(kls).toEqual([...kls].sort((left, right) => left - right));
      expect(kls.at(-1)).toBeGreaterThan(1);
      const note = await page.getByText(/^KL, top-1 and perplexity on/).innerText();
      for (const title of others) {
        await page.getByRole('button', { name: 'New comparison…' }).click();
        await chooseModels(page, [title], choice);
        await startComparison(page);
        await compared(page);
        variants.push((await figures(page)).at(-1)!);
      }
      variants.sort((left, right) => klOf(left) - klOf(right));
      const machine = `Measured on ${cpus()[0]?.model ?? 'an unnamed processor'}, ${cpus().length} cores.`;
      if (isForDocuments) await keepFigures([heads!, reference!, ...variants], `${note}. ${machine}`);
      await goTo(page, 'Runs');
      await page.evaluate((id) => (window.location.hash = `#/runs/${id}`), run);
      await page.getByRole('table', { name: 'Figures' }).waitFor();
      await picture(page, 'runs-light');
    },
    2 * comparedLimitMs + 240_000,
  );
});
