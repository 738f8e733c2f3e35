/** The same rules on what a screen looks like now and then: while something loads or is written, where something went wrong, and what opens beside. */
import type { Page } from 'playwright-core';
import { expect, test, vi } from 'vitest';
import {
  answered,
  ask,
  beginChat,
  capital,
  chatMenu,
  grown,
  importChat,
  longQuestion,
  pasteFile,
  prompts,
  ready,
  replies,
  send,
  status,
} from '../helpers/e2e/app-steps.ts';
import { violations } from '../helpers/e2e/axe.ts';
import { journeyLimitMs } from '../helpers/e2e/build.ts';
import { chatFile } from '../helpers/e2e/chat-file.ts';
import { chromiumPath, openInChromium } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { engineOf } from '../helpers/e2e/kills.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

const escape = (page: Page) => page.keyboard.press('Escape');

/** What is opened or done, and what takes it back. */
type State = readonly [what: string, begin: () => Promise<unknown>, end?: () => Promise<unknown>];

describeWhere(chromiumPath !== null, 'axe finds nothing in passing states', () => {
  test.each(['light', 'dark'] as const)('in %s', async (colorScheme) => {
    // Without motion: a colour on its way to another is none of the two.
    const app = await openInChromium({ context: { colorScheme, reducedMotion: 'reduce' } });
    const { page, problems } = app;
    const seen: Record<string, string[]> = {};
    const look = async (states: readonly State[]) => {
      for (const [what, begin, end] of states) {
        await begin();
        seen[what] = await violations(page);
        await end?.();
      }
    };
    const dialog = (name: string) => page.getByRole('dialog', { name }).waitFor();

    await look([['a model that loads', () => page.getByRole('progressbar', { name: /^Loading/ }).waitFor()]]);
    await ready(page);
    await beginChat(page);
    await look([
      ['a refused picture', () => pasteFile(page, { name: 'shot.png', type: 'image/png' }).then(() => page.getByRole('alert').waitFor()),
        () => page.getByRole('alert').getByRole('button', { name: 'Close' }).click()],
      ['what does not fit', async () => {
        const buffer = Buffer.from('the keeper and the lamp '.repeat(4000));
        await page.getByLabel('Attach text files').setInputFiles({ name: 'long.txt', mimeType: 'text/plain', buffer });
        await page.getByRole('region', { name: 'Before it is sent' }).waitFor();
      }, () => page.getByRole('button', { name: 'Remove long.txt' }).click()],
      ['a growing reply', () => send(page, longQuestion).then(() => grown(page, 30)), () => escape(page).then(() => answered(page))],
      ['branches', () => replies(page).last().getByRole('button', { name: 'Regenerate' }).click().then(() => grown(page, 5)),
        () => escape(page).then(() => answered(page))],
      ['an edited message', async () => {
        await prompts(page).last().hover();
        await prompts(page).last().getByRole('button', { name: 'Edit, as a branch' }).click();
      }, () => page.getByRole('button', { name: 'Cancel' }).click()],
      ['the ledger', () => page.getByTitle('Show what is in the context').click().then(() => dialog('What is in the context')), () => escape(page)],
      ['the models to choose from', () => page.getByRole('button', { name: /^Model:/ }).click().then(() => dialog('Models')), () => escape(page)],
      ['a chat’s menu', async () => {
        await page.getByRole('link', { name: longQuestion }).hover();
        await page.getByRole('button', { name: `More about ${longQuestion}` }).click();
        await page.getByRole('menuitem', { name: 'Pin' }).waitFor();
      }, () => escape(page)],
      ['a chat that is renamed', () => chatMenu(page, longQuestion, 'Rename'), () => escape(page)],
      ['what was found', async () => {
        await page.getByRole('searchbox', { name: 'Search chats' }).fill('lighthouse');
        await page.getByRole('list', { name: 'Results' }).getByRole('link').first().waitFor();
      }, () => page.getByRole('searchbox', { name: 'Search chats' }).press('Escape')],
      ['a thought', () => importChat(page, chatFile('A thought', ['Hm?', '<think>Let me see.</think>\n\n`x` and $x^2$:\n\n```js\nconst x = 1;\n```']), 'A thought'),
        () => page.getByText('Thought before answering').click()],
      ['an open thought', () => page.getByText('Let me see.').waitFor()],
      ['a deleted chat', () => chatMenu(page, 'A thought', 'Delete').then(() => page.getByRole('button', { name: 'Undo' }).waitFor())],
    ]); // prettier-ignore

    await beginChat(page);
    await send(page, longQuestion);
    await grown(page, 10);
    process.kill(engineOf(app.hostPid) ?? 0, 'SIGKILL');
    await replies(page).last().getByRole('alert').waitFor();
    await look([['an interrupted reply', () => Promise.resolve()]]);
    await ready(page);
    await ask(page, capital.question);
    await look([
      ['no model', () => unload(page)],
      ['models, none in memory', async () => {
        await page.getByRole('link', { name: 'Models', exact: true }).click();
        await page.getByRole('region', { name: 'Fit before load' }).getByText(/^sum /).waitFor();
      }],
      ['how to add a model', () => page.getByRole('button', { name: 'Add…' }).click().then(() => dialog('Add a model')), () => escape(page)],
      ['diagnostics', async () => {
        await page.getByRole('link', { name: 'Settings' }).click();
        await page.getByRole('button', { name: 'Diagnostics…' }).click();
        await page.getByRole('dialog', { name: 'Diagnostics' }).getByText(/Retort/).first().waitFor();
      }, () => escape(page)],
      ['a field that is wrong', () => page.getByRole('textbox', { name: 'Threads' }).fill('many'), () => page.getByRole('textbox', { name: 'Threads' }).press('Escape')],
    ]); // prettier-ignore

    problems.expect(/WebSocket connection|net::ERR_/);
    process.kill(app.hostPid, 'SIGKILL');
    await look([['a host that is gone', () => page.getByText('Retort joins again by itself').waitFor()]]);

    expect(Object.keys(seen)).toHaveLength(21);
    expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length > 0))).toEqual({});
  });
});

async function unload(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('option', { name: 'Unload' }).click();
  await status(page).getByText('No model in memory').waitFor();
  await page.getByText('No model is in memory.').waitFor();
}
