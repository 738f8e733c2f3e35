/** Pictures of the Cache screen, with the conversation that docs/kv-cache.md shows. See pictures.test.ts for where they go. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, beginChat, field, ready, setLongestReply } from '../helpers/e2e/app-steps.ts';
import { measureCodecs, openCache } from '../helpers/e2e/cache-steps.ts';
import { root } from '../helpers/e2e/build.ts';
import { chromiumPath, openInChromium } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';

const isForDocuments = process.env['npm_lifecycle_event'] === 'pictures';
const [documents, others] = ['docs/pictures', '.cache/pictures'].map((name) => join(root, name)) as [
  string,
  string,
];
/** The others are for looking alone. */
const isInDocuments = (name: string) => isForDocuments && ['cache', 'cache-key-norm'].includes(name);
const sizes = { small: { width: 1280, height: 800 }, large: { width: 1920, height: 1080 } };
/** Charts are drawn in turn; the heads of a cell are asked for once the pointer rests. */
const untilDrawnMs = 2000;

describeWhere(chromiumPath !== null, 'pictures of the Cache screen', () => {
  test.each(['light', 'dark'] as const)(
    'in %s',
    async (colorScheme) => {
      for (const folder of [documents, others]) mkdirSync(folder, { recursive: true });
      const { page } = await openInChromium({ context: { viewport: sizes.small, colorScheme } });
      const picture = async (name: string) => {
        await page.waitForTimeout(untilDrawnMs);
        const path = join(isInDocuments(name) ? documents : others, `${name}-${colorScheme}.png`);
        expect((await page.screenshot({ path })).length).toBeGreaterThan(10_000);
      };
      await ready(page);
      await openCache(page);
      await picture('cache-empty');
      await page.keyboard.press('Control+1');
      await beginChat(page);
      await setLongestReply(page, 160);
      await ask(page, 'Name five rivers of Europe in a list, each with one sentence.');
      await ask(page, 'Which of them is the longest, and where does it end?');
      await field(page).fill('And how wide is it there?');
      const map = await openCache(page);
      await measureCodecs(page);
      const box = (await map.boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.55, box.y + 60, { steps: 4 });
      await page.mouse.up();
      await page.mouse.move(box.x + box.width * 0.8, box.y + box.height * 0.4);
      await picture('cache');
      await page.setViewportSize(sizes.large);
      await picture('cache-1920');
      await page.setViewportSize(sizes.small);
      await page.getByRole('radio', { name: 'key norm' }).click();
      await page.getByRole('grid', { name: /key norm/ }).waitFor();
      await picture('cache-key-norm');
    },
    240_000,
  );
});
