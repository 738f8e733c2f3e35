/** Pictures of Compare and Runs with figures of variants that no test makes: a host in memory tells them. To be looked at where a screen changed. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { CompareHost, sampleBench, sampleJob, sampleRun, sampleUpdates } from '../helpers/compare-host.ts';
import { root } from '../helpers/e2e/build.ts';
import { chromiumPath } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { openSamplePage } from '../helpers/e2e/sample-pages.ts';

const folder = join(root, '.cache/pictures');
const sizes = { small: { width: 1280, height: 800 }, large: { width: 1920, height: 1080 } };

/** Charts are drawn in turn, at most five times a second each. */
const untilDrawnMs = 1500;

async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(untilDrawnMs);
  const image = await page.screenshot({ path: join(folder, `compare-${name}.png`) });
  expect(image.length).toBeGreaterThan(10_000);
}

const go = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name }).click();

describeWhere(chromiumPath !== null, 'pictures of Compare and Runs', () => {
  test.each(['light', 'dark'] as const)(
    'in %s',
    async (colorScheme) => {
      mkdirSync(folder, { recursive: true });
      const host = new CompareHost();
      const day = 24 * 3600 * 1000;
      const at = Date.UTC(2026, 10, 22, 9, 14);
      host.runs = [
        sampleRun('run-1'),
        ...[148.2, 131.6, 112.4].map((decode, index) =>
          sampleBench(`run-${index + 2}`, at - index * day, decode),
        ),
      ];
      const { page } = await openSamplePage(host, { colorScheme });
      const both = async (name: string) => {
        await page.setViewportSize(sizes.large);
        await picture(page, `${name}-1920-${colorScheme}`);
        await page.setViewportSize(sizes.small);
        await picture(page, `${name}-${colorScheme}`);
      };
      await go(page, 'Compare');
      await page.getByRole('button', { name: 'Start' }).waitFor();
      await both('set-up');
      host.updates = sampleUpdates(5);
      host.jobs = [sampleJob()];
      await page.getByRole('progressbar').waitFor();
      await both('running');
      host.jobs = [];
      await page.evaluate(() => (window.location.hash = '#/compare/run-1'));
      await page.getByRole('region', { name: 'Quality against size' }).waitFor();
      await both('result');
      await page.getByRole('listbox', { name: /^Tokens as D/ }).focus();
      await page.keyboard.press('Enter');
      await both('token');
      await page.keyboard.press('Escape');
      await page.getByRole('region', { name: 'Weights before and after' }).scrollIntoViewIfNeeded();
      await both('weights');
      await go(page, 'Runs');
      await page.getByRole('table', { name: 'Runs' }).waitFor();
      await page.getByRole('button', { name: 'bf16, Q8_0' }).click();
      await both('run');
      await page.evaluate(() => (window.location.hash = '#/runs/run-2/run-3'));
      await page.getByRole('region', { name: 'Two runs, side by side' }).waitFor();
      await both('pair');
    },
    180_000,
  );
});
