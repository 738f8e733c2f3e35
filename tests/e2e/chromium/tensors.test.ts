/** The tensors of the bundled model in Chromium: read, looked at, saved. */
/// <reference lib="dom" />
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ready } from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';

/** 135 million values, on a busy machine. */
const readingMs = 120_000;

describeWhere(chromiumPath !== null, 'Tensors in Chromium', () => {
  const app = useChromium();

  it(
    'are listed, their values read while another screen is shown, looked at by keys, and saved',
    async () => {
      const { page } = app();
      await ready(page);
      await page.getByRole('link', { name: 'Models', exact: true }).click();
      const panel = page.getByRole('region', { name: 'Tensors' });
      await panel.getByRole('button', { name: 'Read all values' }).click();
      await panel.getByRole('progressbar').waitFor();
      // Reading goes on by itself.
      await page.getByRole('link', { name: 'Settings' }).click();
      await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
      await page.getByRole('link', { name: 'Models', exact: true }).click();
      await panel.getByRole('progressbar').waitFor({ state: 'detached', timeout: readingMs });
      expect(await panel.getByRole('button', { name: 'Read all values' }).count()).toBe(0);

      await panel.getByRole('group', { name: 'Tensors' }).focus();
      await page.keyboard.press('ArrowDown');
      const detail = panel.getByRole('region', { name: 'Values of token_embd.weight' });
      await detail.getByRole('figure', { name: 'Histogram of its values' }).hover();
      await detail.getByText(/ to .*: [\d,]+ values?, [\d.]+ %$/).waitFor();
      await detail.getByRole('radio', { name: 'table' }).click();
      await detail.getByRole('table', { name: /Histogram of token_embd/ }).waitFor();

      const [download] = await Promise.all([
        page.waitForEvent('download'),
        panel.getByRole('button', { name: 'Save tensors as CSV' }).click(),
      ]);
      expect(download.suggestedFilename()).toBe('retort-tensors.csv');
      const [, ...rows] = readFileSync(await download.path(), 'utf8')
        .trimEnd()
        .split('\r\n');
      expect(rows).toHaveLength(272);
      const embedding = rows.find((row) => row.startsWith('token_embd.weight,'))!.split(',');
      const [values, minimum, maximum, mean, deviation] = embedding.slice(7, 12).map(Number);
      expect(values).toBe(49_152 * 576);
      expect(minimum).toBeLessThan(mean!);
      expect(maximum).toBeGreaterThan(mean!);
      expect(deviation).toBeGreaterThan(0);
      const counts = embedding[15]!.split(' ').map(Number);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values);
    },
    journeyLimitMs,
  );
});
