/** A comparison of settings of the bundled model, as a person puts it together in the app. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Download, Page } from 'playwright-core';
import { root } from './build.ts';

/** Some pages of a novel. */
const textFile = join(root, 'tests/golden/smollm2/text.txt');

/** For three variants on a busy machine: a bound on hanging. */
export const comparedLimitMs = 240_000;

export interface CompareChoice {
  readonly replyTokens: number;
  /** Of the text. */
  readonly textTokens: number | null;
  readonly window: number;
  readonly weights: boolean;
}

export async function goTo(page: Page, screen: 'Compare' | 'Runs' | 'Models'): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: screen }).click();
}

/** Reference arithmetic, fast arithmetic, and that with a KV cache of 8 bits. The price is there when this returns. */
export async function chooseVariants(page: Page, choice: CompareChoice): Promise<void> {
  await goTo(page, 'Compare');
  await page.getByRole('combobox', { name: 'Arithmetic of A' }).selectOption('reference');
  await page.getByRole('combobox', { name: 'Arithmetic of B' }).selectOption('fast');
  await page.getByRole('combobox', { name: 'KV cache of B' }).selectOption('f16');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('combobox', { name: 'KV cache of C' }).selectOption('q8');
  await page.getByRole('textbox', { name: 'Longest reply' }).fill(String(choice.replyTokens));
  await page.getByLabel('Text for quality, a file').setInputFiles(textFile);
  await page.getByRole('textbox', { name: 'Window' }).fill(String(choice.window));
  if (choice.textTokens !== null)
    await page.getByRole('textbox', { name: 'Of the text' }).fill(String(choice.textTokens));
  if (!choice.weights) await page.getByRole('switch', { name: 'Compare weights too' }).click();
  await page.getByText(/at most/).waitFor();
}

export async function startComparison(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('progressbar').first().waitFor();
}

/** Waits for the run of the comparison that is shown. Returns its id. */
export async function compared(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Export' }).waitFor({ timeout: comparedLimitMs });
  return new URL(page.url()).hash.split('/').at(-1) ?? '';
}

/** A file that the app saves. */
export async function saved(page: Page, save: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const [download]: [Download, void] = await Promise.all([page.waitForEvent('download'), save()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

export function exported(page: Page, format: 'PNG' | 'CSV' | 'JSON' | 'HTML, one page') {
  return saved(page, async () => {
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByRole('menuitem', { name: format }).click();
  });
}
