/** The Cache screen as a person uses it. */
import type { Locator, Page } from 'playwright-core';

const limitMs = 60_000;

/** Shows the screen; returns the map, which is there where something is held. */
export async function openCache(page: Page): Promise<Locator> {
  await page.getByRole('navigation').getByRole('link', { name: 'Cache' }).click();
  await page.getByRole('heading', { name: /^Cache/, level: 1 }).waitFor();
  const map = page.getByRole('grid', { name: /^Cache by layer and position/ });
  const nothing = page.getByRole('heading', { name: /^(Nothing is held|No model in memory)$/ });
  await map.or(nothing).first().waitFor({ timeout: limitMs });
  return map;
}

/** Replays the conversation in both codecs; returns what the row of q8 says. */
export async function measureCodecs(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Measure', exact: true }).click();
  await page.getByRole('button', { name: 'Measure again' }).waitFor({ timeout: limitMs });
  return page.getByRole('row', { name: /^q8/ }).innerText();
}

export async function saveCache(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Save cache…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save the cache' });
  await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.waitFor({ state: 'detached', timeout: limitMs });
}
