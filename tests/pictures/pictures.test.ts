/**
 * Pictures of every screen of the running app, in light and in dark. `npm run pictures` puts them into docs/pictures; in `npm test` they go to
 * .cache/pictures, to be looked at where a screen changed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { ask, beginChat, field, ready, replies } from '../helpers/e2e/app-steps.ts';
import { root } from '../helpers/e2e/build.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { chromiumPath, openInChromium } from '../helpers/e2e/chromium.ts';

const isForDocuments = process.env['npm_lifecycle_event'] === 'pictures';
const folder = join(root, isForDocuments ? 'docs/pictures' : '.cache/pictures');
const sizes = { small: { width: 1280, height: 800 }, large: { width: 1920, height: 1080 } };

/** Charts are drawn in turn, at most five times a second each. */
const untilDrawnMs = 1000;

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(untilDrawnMs);
  const image = await page.screenshot({ path: join(folder, `${name}.png`) });
  expect(image.length).toBeGreaterThan(10_000);
}

async function talk(page: Page): Promise<void> {
  await beginChat(page);
  await ask(page, 'What is the capital of France?');
  await ask(page, 'Name five rivers of Europe in a list, each with one sentence.');
}

async function openTimeline(page: Page): Promise<void> {
  await replies(page)
    .last()
    .getByRole('button', { name: /tokens/ })
    .click();
  await page.getByRole('region', { name: /timeline/i }).waitFor();
}

async function go(page: Page, screen: string, heading: RegExp): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: screen }).click();
  await page.getByRole('heading', { name: heading }).first().waitFor();
}

/** The values of all tensors, and those of one in large. */
async function readTensors(page: Page): Promise<void> {
  const panel = page.getByRole('region', { name: 'Tensors' });
  await panel.getByRole('button', { name: 'Read all values' }).click();
  await panel.getByRole('progressbar').waitFor();
  await panel.getByRole('progressbar').waitFor({ state: 'detached', timeout: 120_000 });
  await panel.getByRole('cell', { name: 'token_embd.weight' }).click();
  await panel.getByRole('figure', { name: 'Histogram of its values' }).scrollIntoViewIfNeeded();
}

describeWhere(chromiumPath !== null, 'pictures of the app', () => {
  test.each(['light', 'dark'] as const)(
    'in %s',
    async (colorScheme) => {
      mkdirSync(folder, { recursive: true });
      const { page } = await openInChromium({ context: { viewport: sizes.small, colorScheme } });
      await ready(page);
      await picture(page, `first-start-${colorScheme}`);
      await talk(page);
      await picture(page, `chat-${colorScheme}`);
      await openTimeline(page);
      await picture(page, `timeline-${colorScheme}`);
      await page.setViewportSize(sizes.large);
      await picture(page, `timeline-1920-${colorScheme}`);
      await page.setViewportSize(sizes.small);
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').first().waitFor();
      await picture(page, `palette-${colorScheme}`);
      await page.keyboard.press('Escape');
      await field(page).fill('A draft that is counted as it is typed.');
      await go(page, 'Models', /SmolLM2/);
      await page.getByText('largest context that fits').first().waitFor();
      await picture(page, `models-${colorScheme}`);
      await readTensors(page);
      await picture(page, `tensors-${colorScheme}`);
      await go(page, 'Settings', /Settings/);
      await picture(page, `settings-${colorScheme}`);
    },
    300_000,
  );
});
