/** From the start of the process to a window that can be used: composer and chats painted. Figures are printed and kept in .cache/reach.json. */
/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { buildApp, root } from '../helpers/e2e/build.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { startDisplay } from '../helpers/e2e/display.ts';
import { electronEnvironment, electronPath, launch } from '../helpers/e2e/electron.ts';
import { temporaryHome } from '../helpers/e2e/serve.ts';
import { fillWithChats } from '../helpers/many-chats.ts';
import { keepFigures, spreadOf } from './figures.ts';

const rounds = Number(process.env['RETORT_REACH_STARTS'] ?? 3);

/** When the composer and the list of chats had been painted, in milliseconds since 1970. */
function paintedAt(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const look = () => {
          const isThere =
            document.querySelector('textarea') && document.querySelector('[aria-label="Chats"]');
          if (!isThere) return void requestAnimationFrame(look);
          requestAnimationFrame(() =>
            setTimeout(() => resolve(performance.timeOrigin + performance.now()), 0),
          );
        };
        look();
      }),
  );
}

async function start(home: string): Promise<number> {
  const display = await startDisplay();
  if (electronPath === null || !display) throw new Error('There is no Electron or no display here.');
  const { main, startedAt } = await launch({
    executablePath: electronPath,
    args: [root],
    env: electronEnvironment(home, display),
  });
  try {
    return (await paintedAt(await main.firstWindow())) - startedAt;
  } finally {
    await main.close();
    display.close();
  }
}

describeWhere(electronPath !== null, 'a start in Electron', () => {
  test.each([
    ['an empty data folder', 0, 0],
    ['1,000 chats with 100,000 messages', 1000, 100_000],
  ])(
    'with %s paints a window that can be used',
    async (what, chats, messages) => {
      await buildApp();
      const home = temporaryHome();
      if (chats > 0) await fillWithChats(home, chats, messages);
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) times.push(await start(home));
      expect(times).toHaveLength(rounds);
      keepFigures(`ms to a usable window with ${what}`, spreadOf(times));
    },
    240_000,
  );
});
