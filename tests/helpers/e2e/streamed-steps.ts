/** A reply of the streamed sample host, as a person gets it and looks at it. */
import type { Locator, Page } from 'playwright-core';
import { streamedTokens, type StreamedHost } from '../streamed-host.ts';
import { field, replies, send } from './app-steps.ts';

const title = 'Pendulum at large swings';
const words =
  'The restoring torque follows sin θ, not θ. On a wide swing it is weaker than a spring’s, so the bob lingers near the turning points and the period grows. The arithmetic–geometric mean settles in about four steps.'.split(
    /(?= )/,
  );

export const expertGrid = (page: Page): Locator => page.getByRole('grid', { name: 'Experts by layer' });
export const flashChart = (page: Page): Locator => page.getByRole('figure', { name: 'Flash reads' });
export const timeline = (page: Page): Locator => page.getByRole('region', { name: 'Token timeline' });

/** Before the page is opened: it reads the list of chats at the beginning. */
export function addSampleChat(host: StreamedHost): void {
  host.addChat({ title });
}

/** A reply grows token by token, `betweenMs` apart, and does not end. Returns its id. */
export async function growReply(page: Page, host: StreamedHost, betweenMs = 20): Promise<string> {
  await page.getByRole('link', { name: title }).first().click();
  await field(page).waitFor();
  await send(page, 'Why does a pendulum’s period grow with amplitude?');
  await replies(page).waitFor();
  const id = host.growingId;
  for (const token of streamedTokens(words)) {
    host.grow(id, [token]);
    await page.waitForTimeout(betweenMs);
  }
  return id;
}

/** It ends, and its tokens are shown one by one. */
export async function openStreamedTimeline(page: Page, host: StreamedHost, id: string): Promise<void> {
  host.finish(id, { decodeTokensPerSecond: 4.6, firstTokenMs: 2900 });
  await page.getByTitle('Show the token timeline').click();
  await timeline(page)
    .getByText(/waited for flash/)
    .waitFor();
}

export async function openModels(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await expertGrid(page).waitFor();
}
