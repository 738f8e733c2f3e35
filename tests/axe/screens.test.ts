/** What screen readers and other aids get: axe-core's rules on every screen, panel and dialog, in both themes. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { ask, beginChat, field, ready, replies, setLongestReply } from '../helpers/e2e/app-steps.ts';
import { violations } from '../helpers/e2e/axe.ts';
import { openCache } from '../helpers/e2e/cache-steps.ts';
import { chromiumPath, useChromium } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';

async function go(page: Page, screen: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: screen }).click();
  await page.getByRole('heading', { level: 1 }).first().waitFor();
}

/** Opens what covers the page, and closes it again. */
async function beside(page: Page, open: () => Promise<void>, look: () => Promise<void>): Promise<void> {
  await open();
  await page.getByRole('dialog').first().waitFor();
  await look();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').first().waitFor({ state: 'detached' });
}

describeWhere(chromiumPath !== null, 'axe finds nothing', () => {
  const app = useChromium({ context: { reducedMotion: 'reduce' } });

  test.each(['light', 'dark'] as const)(
    'on any screen in %s',
    async (colorScheme) => {
      const { page } = app();
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await go(page, 'Chat');
      await ready(page);
      const seen: Record<string, string[]> = {};
      const look = async (what: string) => void (seen[what] = await violations(page));

      await beginChat(page);
      await setLongestReply(page, 60);
      await look('an empty chat');
      await ask(page, 'Show a table of two rivers and a line of Python.');
      await look('a chat');
      await replies(page)
        .last()
        .getByRole('button', { name: /tokens/ })
        .click();
      await page.getByRole('region', { name: 'Token timeline' }).waitFor();
      await look('the timeline');
      await page.getByRole('radio', { name: 'table' }).first().click();
      await look('the instruments as a table');
      await page.getByRole('radio', { name: 'probability' }).click();
      await look('tinted tokens');
      await field(page).fill('A draft.');
      for (const [what, name] of [
        ['the system prompt', /^System prompt/],
        ['sampling', /^Sampling/],
      ] as const) {
        await beside(
          page,
          () => page.getByRole('button', { name }).click(),
          () => look(what),
        );
      }
      await beside(
        page,
        () => page.keyboard.press('Control+k'),
        () => look('the palette'),
      );
      await page.getByRole('heading', { level: 1 }).first().click();
      await beside(
        page,
        () => page.keyboard.press('Control+/'),
        () => look('the shortcuts'),
      );
      const map = await openCache(page);
      await map.focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Shift+ArrowRight');
      await page.getByRole('list', { name: 'By head' }).waitFor();
      await look('Cache');
      await page.getByRole('radio', { name: 'table' }).last().click();
      await beside(
        page,
        () => page.getByRole('button', { name: 'Save cache…' }).click(),
        () => look('saving a cache, its map as a table'),
      );
      await go(page, 'Models');
      await page.getByText('largest context that fits').first().waitFor();
      await look('Models');
      // Read once: the page keeps what it read.
      await page.getByRole('cell', { name: 'token_embd.weight' }).dblclick();
      await page.getByRole('figure', { name: 'Histogram of its values' }).waitFor();
      await look('the values of a tensor');
      await go(page, 'Settings');
      await look('Settings');
      expect(Object.keys(seen)).toHaveLength(14);
      expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length > 0))).toEqual({});
    },
    180_000,
  );
});
