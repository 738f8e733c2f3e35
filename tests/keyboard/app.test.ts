/** Everything without a mouse, the focus always to be seen. */
import type { Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import {
  answered,
  capital,
  chatRows,
  field,
  grown,
  importChat,
  lettersOf,
  longQuestion,
  prompts,
  ready,
  replies,
  said,
  status,
} from '../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../helpers/e2e/build.ts';
import { chatFile } from '../helpers/e2e/chat-file.ts';
import { chromiumPath, useChromium } from '../helpers/e2e/chromium.ts';
import { describeWhere } from '../helpers/e2e/describe-where.ts';
import { focusOf, tabTo } from '../helpers/e2e/focus.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

const keys = (page: Page, ...pressed: string[]) =>
  pressed.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

/** A chat whose replies are the likeliest ones, begun by keys alone. */
async function beginChat(page: Page): Promise<void> {
  await leaveField(page);
  await keys(page, 'g', 'n');
  await page.getByRole('heading', { name: 'New chat', level: 2 }).waitFor();
  await atField(page);
  await tabTo(page, /^button "Sampling/);
  await keys(page, 'Enter');
  await tabTo(page, /^slider "Temperature"/);
  await keys(page, 'Home');
  await tabTo(page, /^button "Save"/);
  await keys(page, 'Enter');
  await expect.poll(async () => (await focusOf(page)).what).toMatch(/^button "Sampling/);
  await atField(page);
}

/** Plain keys mean themselves in a field. */
async function leaveField(page: Page): Promise<void> {
  if (/^(textbox|searchbox)/.test((await focusOf(page)).what)) await tabTo(page, /^(button|link)/);
}

async function atField(page: Page): Promise<void> {
  if (!(await focusOf(page)).what.startsWith('textbox "Message"'))
    await tabTo(page, /^textbox "Message"/, 'Shift+Tab');
}

/** Presses the key of the search, which is there a frame later. */
async function goToSearch(page: Page): Promise<void> {
  await keys(page, '/');
  await expect.poll(async () => (await focusOf(page)).what).toMatch(/^searchbox/);
}

/** Types into the palette, and takes what it offers first. */
async function palette(page: Page, words: string, offered: RegExp): Promise<void> {
  await keys(page, 'Control+k');
  await page.getByRole('dialog', { name: 'Commands' }).waitFor();
  await page.keyboard.type(words);
  await page.getByRole('option', { name: offered, selected: true }).waitFor();
  await keys(page, 'Enter');
  await page.getByRole('dialog', { name: 'Commands' }).waitFor({ state: 'detached' });
}

describeWhere(chromiumPath !== null, 'Retort by keyboard', () => {
  const app = useChromium();

  it('a message is written, sent, stopped, edited and branched', async () => {
    const { page } = app();
    await expect.poll(async () => (await focusOf(page)).what).toMatch(/^textbox "Message"/);
    await ready(page);
    await beginChat(page);
    await page.keyboard.type('A line');
    await keys(page, 'Shift+Enter');
    await page.keyboard.type('and another');
    expect(await field(page).inputValue()).toBe('A line\nand another');
    await keys(page, 'Control+a');
    await page.keyboard.type(longQuestion);
    await keys(page, 'Enter');
    await grown(page, 30);
    const before = await said(replies(page).last());
    await keys(page, 'Escape');
    expect(lettersOf(await answered(page)).startsWith(lettersOf(before))).toBe(true);
    await replies(page).last().getByText('stopped at your request').waitFor();

    expect((await focusOf(page)).what).toMatch(/^textbox "Message"/);
    await keys(page, 'ArrowUp');
    expect((await focusOf(page)).what).toMatch(/^textbox "Edit your message"/);
    await keys(page, 'Control+a');
    await page.keyboard.type(capital.question);
    await keys(page, 'Enter');
    await prompts(page).getByText(capital.question).waitFor();
    expect(await answered(page)).toBe(capital.answer);

    await atField(page);
    await tabTo(page, /^button "Previous branch"/, 'Shift+Tab');
    await keys(page, 'Enter');
    await prompts(page).getByText(longQuestion).waitFor();
    await tabTo(page, /^button "Next branch"/);
    await keys(page, 'Enter');
    await replies(page).getByText(capital.answer).waitFor();
    await tabTo(page, /^button "Regenerate"/);
    await keys(page, 'Enter');
    await replies(page).last().getByRole('group', { name: 'Branches' }).getByText('2 of 2').waitFor();
    expect(await answered(page)).toBe(capital.answer);
  });

  it('a token’s alternatives are reached in the timeline', async () => {
    const { page } = app();
    await beginChat(page);
    await page.keyboard.type(capital.question);
    await keys(page, 'Enter');
    await answered(page);
    await atField(page);
    await tabTo(page, /^button "8 tokens/, 'Shift+Tab');
    await keys(page, 'Enter');
    await tabTo(page, /^slider "Token timeline, cursor"/);
    await keys(page, 'ArrowRight', 'ArrowRight');
    expect(await page.locator(':focus').getAttribute('aria-valuetext')).toMatch(
      /^token 1 “.capital”, probability/,
    );
    await keys(page, 'Enter');
    await expect.poll(async () => (await focusOf(page)).what).toMatch(/^button "branch with/);
    await keys(page, 'Enter');
    await replies(page).last().getByRole('group', { name: 'Branches' }).getByText('2 of 2').waitFor();
    expect(await answered(page)).not.toBe(capital.answer);
  });

  it('the palette reaches an action, a model, a chat and a setting', async () => {
    const { page } = app();
    await importChat(page, chatFile('On tides', ['When?', 'Twice a day.']), 'On tides');
    await palette(page, 'new chat', /^New chat/);
    await page.getByRole('heading', { name: 'New chat', level: 2 }).waitFor();
    await palette(page, 'on tides', /^On tides$/);
    await page.getByRole('heading', { name: 'On tides', level: 1 }).waitFor();
    await palette(page, 'theme dark', /^Theme dark$/);
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await palette(page, 'theme as the system', /^Theme as the system$/);
    await palette(page, 'unload', /^Unload the model$/);
    await status(page).getByText('No model in memory').waitFor();
    await palette(page, 'load smollm2', /^Load SmolLM2/);
    await ready(page);
  });

  it('screens are gone to by g and a letter, the list of shortcuts by ?, the search by /', async () => {
    const { page } = app();
    await leaveField(page);
    for (const [key, title] of [
      ['p', 'Compare'],
      ['m', 'Models'],
      ['r', 'Runs'],
      ['s', 'Settings'],
    ] as const) {
      await keys(page, 'g', key);
      await page.getByRole('heading', { name: title, level: 1 }).waitFor();
    }
    await keys(page, 'g', 'c');
    await page.getByRole('heading', { name: 'On tides', level: 1 }).waitFor();
    await leaveField(page);
    await keys(page, '?');
    const list = page.getByRole('dialog', { name: 'Shortcuts' });
    await list.getByText('Open the command palette').waitFor();
    await keys(page, 'Escape');
    await list.waitFor({ state: 'detached' });
    await goToSearch(page);
    await page.keyboard.type('twice');
    await page.getByText('1 result', { exact: true }).waitFor();
    await tabTo(page, /^link "On tides/);
    await keys(page, 'Enter');
    await page.getByRole('heading', { name: 'On tides', level: 1 }).waitFor();
    await goToSearch(page);
    await keys(page, 'Escape');
    await chatRows(page).first().waitFor();
  });

  it('a chat is renamed, deleted and brought back', async () => {
    const { page } = app();
    await leaveField(page);
    await goToSearch(page);
    await tabTo(page, /^button "More about On tides"/);
    await keys(page, 'Enter');
    await expect.poll(async () => (await focusOf(page)).what).toBe('menuitem "Rename"');
    await keys(page, 'Enter');
    await page.keyboard.type('On ebb and flood');
    await keys(page, 'Enter');
    await page.getByRole('heading', { name: 'On ebb and flood', level: 1 }).waitFor();
    await tabTo(page, /^button "More about On ebb and flood"/);
    await keys(page, 'Enter');
    await page.getByRole('menuitem', { name: 'Delete' }).waitFor();
    await keys(page, 'End');
    await expect.poll(async () => (await focusOf(page)).what).toBe('menuitem "Delete"');
    await keys(page, 'Enter');
    await page.getByText('“On ebb and flood” deleted').waitFor();
    await tabTo(page, /^button "Undo"/);
    await keys(page, 'Enter');
    await page.getByRole('heading', { name: 'On ebb and flood', level: 1 }).waitFor();
  });

  it('models are priced and loaded', async () => {
    const { page } = app();
    await leaveField(page);
    await keys(page, 'g', 'm');
    await page.getByRole('region', { name: 'Fit before load' }).getByText(/^sum /).waitFor();
    await tabTo(page, /^slider "Context"/);
    const text = () => page.locator(':focus').getAttribute('aria-valuetext');
    const before = await text();
    await keys(page, 'ArrowLeft');
    expect(await text()).not.toBe(before);
    await tabTo(page, /^radio "f(16|32)"/);
    await keys(page, 'ArrowRight', 'Space');
    await tabTo(page, /^slider "Threads"/);
    await keys(page, 'Home');
    expect(await text()).toMatch(/^1 of/);
    await tabTo(page, /^button "Load again so"/);
    await keys(page, 'Enter');
    await status(page).getByText('Loading').waitFor();
    await ready(page);
  });

  it('a dialog keeps the focus and gives it back', async () => {
    const { page } = app();
    await leaveField(page);
    await keys(page, 'g', 'c');
    await field(page).waitFor();
    await tabTo(page, /^button "System prompt/);
    const opener = (await focusOf(page)).what;
    await keys(page, 'Enter');
    const seen = new Set<string>();
    for (let step = 0; step < 12; step++) {
      const { what, where, isVisible } = await focusOf(page);
      expect(isVisible, what).toBe(true);
      // Between the last and the first control the browser's own frame may have it.
      if (what !== 'nothing') expect(where, what).toBe('dialog');
      seen.add(what);
      await keys(page, 'Tab');
    }
    expect(seen.size).toBeGreaterThanOrEqual(4);
    await keys(page, 'Escape');
    await expect.poll(async () => (await focusOf(page)).what).toBe(opener);
  });

  it('the focus goes from place to place as a person reads', async () => {
    const { page } = app();
    await leaveField(page);
    await keys(page, 'g', 'c');
    await tabTo(page, /^textbox "Message"/);
    const passed = await tabTo(page, /^textbox "Message"/);
    const places = passed
      .map(({ where }) => where)
      .filter((where, index, all) => where !== '' && where !== all[index - 1]);
    expect(places).toEqual([
      'Conversation',
      'Instruments',
      'Status',
      'Screens',
      'header',
      'Chats',
      'Conversation',
    ]);
  });
});
