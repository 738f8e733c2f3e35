/** A comparison of settings or variants of the bundled model, as a person puts it together in the app. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Download, Page } from 'playwright-core';
import { cli } from '../cli.ts';
import { root, stepLimitMs } from './build.ts';

/** Some pages of a novel. */
const textFile = join(root, 'tests/golden/smollm2/text.txt');

const bundledTitle = 'SmolLM2 135M Instruct, Q4_1';

/** For four variants on a busy machine: a bound on hanging. */
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

/** Packs of the bundled model by these recipes, in the library of a data folder. Returns their titles. */
export async function makeVariants(home: string, recipes: readonly string[]): Promise<string[]> {
  const titles: string[] = [];
  for (const recipe of recipes) {
    const shape = ['--recipe', recipe, '--format', 'pack', '--out', join(home, 'variants')];
    const asked = ['quantize', 'smollm2-135m-instruct', ...shape, '--add', '--json'];
    const { code, stdout, stderr } = await cli(asked, { home });
    if (code !== 0) throw new Error(stderr);
    titles.push(`${bundledTitle}, ${(JSON.parse(stdout) as { recipe: string }).recipe}`);
  }
  return titles;
}

/** Reference arithmetic, fast arithmetic, and that with a KV cache of 8 bits. The price is there when this returns. */
export async function chooseSettings(page: Page, choice: CompareChoice): Promise<void> {
  await goTo(page, 'Compare');
  await page.getByRole('combobox', { name: 'Arithmetic of A' }).selectOption('reference');
  await page.getByRole('combobox', { name: 'Arithmetic of B' }).selectOption('fast');
  await page.getByRole('combobox', { name: 'KV cache of B' }).selectOption('f16');
  await addVariant(page);
  await page.getByRole('combobox', { name: 'KV cache of C' }).selectOption('q8');
  await chooseReading(page, choice);
}

/** The bundled model, then those of these titles, all with the same settings. The price is there when this returns. */
export async function chooseModels(
  page: Page,
  titles: readonly string[],
  choice: CompareChoice,
): Promise<void> {
  await goTo(page, 'Compare');
  await page.getByRole('combobox', { name: 'KV cache of B' }).selectOption('retort');
  // What was put together before is still there.
  const last = page.getByRole('button', { name: /^Remove [C-D]$/ }).last();
  while ((await last.count()) > 0) await last.click();
  for (const [place, title] of [bundledTitle, ...titles].entries()) {
    if (place > 1) await addVariant(page);
    const letter = String.fromCharCode(65 + place);
    await page.getByRole('combobox', { name: `Model ${letter}` }).selectOption({ label: title });
  }
  await chooseReading(page, choice);
}

async function addVariant(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Add', exact: true }).click();
}

async function chooseReading(page: Page, choice: CompareChoice): Promise<void> {
  await page.getByRole('textbox', { name: 'Longest reply' }).fill(String(choice.replyTokens));
  await page.getByLabel('Text for quality, a file').setInputFiles(textFile);
  await page.getByRole('textbox', { name: 'Window' }).fill(String(choice.window));
  if (choice.textTokens !== null)
    await page.getByRole('textbox', { name: 'Read at most' }).fill(String(choice.textTokens));
  if (!choice.weights) await page.getByRole('switch', { name: 'Compare weights too' }).click();
  await priced(page);
}

/** The draft as it is has its price, and could be begun. */
export async function priced(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start', disabled: false }).waitFor({ timeout: 2 * stepLimitMs });
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
