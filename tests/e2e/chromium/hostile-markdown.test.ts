/** What a model may be made to write, in a real page under its policy: nothing of it runs, loads, covers or leads away. */
import { describe, expect, it } from 'vitest';
import { Chats } from '../../../electron/host/chats/chats.ts';
import { AppEvents } from '../../../electron/host/events.ts';
import { openStore } from '../../../electron/host/store/store.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { chromiumPath, openInChromium } from '../../helpers/e2e/chromium.ts';
import { temporaryHome } from '../../helpers/e2e/serve.ts';
import { noFacts } from '../../helpers/no-facts.ts';
import { hostileMarkdown } from '../../helpers/hostile-markdown.ts';

/** One chat in which each text is a reply. */
async function writeChat(home: string): Promise<void> {
  const store = openStore(home);
  const chats = new Chats(store, new AppEvents());
  const chat = await chats.create({ title: 'Hostile' });
  let parentId: string | null = null;
  for (const [number, text] of hostileMarkdown.entries()) {
    const { reply } = await chats.begin(
      { chatId: chat.id, parentId, text: `Number ${number}`, files: [] },
      noFacts,
    );
    await chats.finish(reply.id, 'complete', { text, facts: noFacts, timeline: null });
    parentId = reply.id;
  }
  await store.close();
}

describe.skipIf(chromiumPath === null)('100 hostile replies in Chromium', { timeout: journeyLimitMs }, () => {
  it('run nothing, load nothing, cover nothing and lead nowhere', async () => {
    const home = temporaryHome();
    await writeChat(home);
    const { page } = await openInChromium({ home });
    const own = new URL(page.url()).origin;
    const foreign: string[] = [];
    const dialogs: string[] = [];
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== own) foreign.push(request.url());
    });
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByRole('link', { name: /Hostile/ }).click();
    const replies = page.getByRole('article', { name: 'Reply' });
    await replies.first().waitFor();
    const earlier = page.getByRole('button', { name: /^Show earlier/ });
    while (await earlier.isVisible()) {
      await earlier.click();
      await page.waitForTimeout(100);
    }
    expect(await replies.count()).toBe(hostileMarkdown.length);
    // Thoughts too, and what a person may do by chance.
    for (const thought of await page.locator('details > summary').all()) await thought.click();
    await page.mouse.move(600, 300);
    await page.mouse.wheel(0, -100_000);
    const shown = await page.evaluate(() => {
      const log = document.querySelector('[role=log]');
      const frame = log?.getBoundingClientRect();
      const inside = [...(log?.querySelectorAll('*') ?? [])];
      return {
        forbidden: inside
          .filter((element) =>
            /^(script|iframe|img|object|embed|video|audio|link|style|form|base|meta)$/i.test(element.tagName),
          )
          .map(({ outerHTML }) => outerHTML.slice(0, 100)),
        fixed: inside.filter((element) => getComputedStyle(element).position === 'fixed').length,
        // The middle of what stands beside the replies is still itself.
        covered: ['nav', 'footer', 'aside', 'header'].filter((name) => {
          const element = document.querySelector(name);
          const box = element?.getBoundingClientRect();
          if (!element || !box) return false;
          const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
          return !top || !element.contains(top);
        }),
        frame: frame ? Math.round(frame.width) : 0,
        wide: log ? log.scrollWidth - log.clientWidth : -1,
      };
    });
    expect(shown).toMatchObject({ forbidden: [], fixed: 0, covered: [], wide: 0 });
    expect(foreign).toEqual([]);
    expect(dialogs).toEqual([]);
    expect(new URL(page.url()).origin).toBe(own);
  });
});
