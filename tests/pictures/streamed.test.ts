/** Pictures of what is shown of a streamed model of real size, which no test has: a host in memory tells its figures. To be looked at where a screen changed. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { root } from '../helpers/e2e/build.ts';
import { chromiumPath } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { openSamplePage } from '../helpers/e2e/sample-pages.ts';
import {
  addSampleChat,
  expertGrid,
  growReply,
  openModels,
  openStreamedTimeline,
  timeline,
} from '../helpers/e2e/streamed-steps.ts';
import { StreamedHost } from '../helpers/streamed-host.ts';

const folder = join(root, '.cache/pictures');
const sizes = { small: { width: 1280, height: 800 }, large: { width: 1920, height: 1080 } };

/** Charts are drawn in turn, at most five times a second each. */
const untilDrawnMs = 1000;

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(untilDrawnMs);
  const image = await page.screenshot({ path: join(folder, `streamed-${name}.png`) });
  expect(image.length).toBeGreaterThan(10_000);
}

describeWhere(chromiumPath !== null, 'pictures of a streamed model', () => {
  test.each(['light', 'dark'] as const)(
    'in %s',
    async (colorScheme) => {
      mkdirSync(folder, { recursive: true });
      const host = new StreamedHost();
      addSampleChat(host);
      const { page } = await openSamplePage(host, { colorScheme });
      const both = async (name: string) => {
        await page.setViewportSize(sizes.large);
        await picture(page, `${name}-1920-${colorScheme}`);
        await page.setViewportSize(sizes.small);
        await picture(page, `${name}-${colorScheme}`);
      };
      const reply = await growReply(page, host, 100);
      await both('writing');
      await openStreamedTimeline(page, host, reply);
      await page.getByRole('radio', { name: 'flash stall' }).click();
      await both('timeline');
      await timeline(page).getByRole('slider').focus();
      await page.keyboard.press('End');
      await both('token');
      await page.keyboard.press('Escape');
      await openModels(page);
      await both('models');
      await expertGrid(page).focus();
      for (let row = 0; row < 24; row++) await page.keyboard.press('ArrowDown');
      await both('experts');
      await page.getByRole('switch', { name: 'Sorted by use' }).click();
      await page.getByRole('radio', { name: 'misses' }).click();
      await both('misses');
      await page.getByRole('radio', { name: 'in cache' }).click();
      await both('in-cache');
      await page.getByRole('link', { name: /Llama 3.1 70B/ }).click();
      await page.getByText(/^npx retort pack/).waitFor();
      await both('too-large');
    },
    180_000,
  );
});
