/** A person's ways through chats in Electron, with the bundled model: what the shell has a part in. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import {
  answered,
  ask,
  beginChat,
  capital,
  chatMenu,
  chooseGreedy,
  field,
  grown,
  lettersOf,
  longQuestion,
  prompts,
  ready,
  replies,
  said,
  send,
  setLongestReply,
  stop,
  stopLimitMs,
} from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { lastReplyOnDisk } from '../../helpers/e2e/chats-on-disk.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { electronPath, useElectron } from '../../helpers/e2e/electron.ts';
import { showsListingsInColour } from '../../helpers/e2e/listings.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

describeWhere(electronPath !== null, 'Retort in Electron', () => {
  const app = useElectron();

  it('loads its own model at the first start and answers what was sent meanwhile', async () => {
    const { page } = app();
    await page.getByRole('list', { name: 'Examples' }).waitFor();
    await chooseGreedy(page);
    await send(page, capital.question);
    await replies(page).first().waitFor();
    expect(await answered(page)).toBe(capital.answer);
    await ready(page);
  });

  it('stops within half a second and keeps what was written', async () => {
    const { page, home } = app();
    await beginChat(page);
    await send(page, longQuestion);
    await grown(page, 40);
    const before = await said(replies(page).last());
    expect(await stop(page)).toBeLessThanOrEqual(stopLimitMs);
    const text = await answered(page);
    expect(lettersOf(text).startsWith(lettersOf(before))).toBe(true);
    expect(lettersOf(lastReplyOnDisk(home).text)).toBe(lettersOf(text));
  });

  it('loses nothing of a reply when its page is reloaded, and follows it to its end', async () => {
    const { page, home } = app();
    await beginChat(page);
    await setLongestReply(page, 200);
    await send(page, longQuestion);
    await grown(page, 50);
    const before = await said(replies(page).last());
    await page.reload();
    await grown(page, 50);
    expect(lettersOf(await said(replies(page).last())).startsWith(lettersOf(before))).toBe(true);
    const text = await answered(page);
    const stored = lastReplyOnDisk(home);
    expect(lettersOf(stored.text)).toBe(lettersOf(text));
    expect([stored.state, stored.reply?.generatedTokens]).toEqual(['complete', 200]);
  });

  it('shows listings in colour, by a worker', async () => {
    await showsListingsInColour(app().page);
  });

  it('does what its menu says', async () => {
    const { page } = app();
    await choose('Models');
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    await choose('Settings…');
    await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
    await choose('New Chat');
    await page.getByRole('heading', { name: 'New chat', level: 2 }).waitFor();
    await choose('Search Chats');
    await page
      .locator(':focus')
      .and(page.getByRole('searchbox', { name: 'Search chats' }))
      .waitFor();
    const instruments = page.getByRole('complementary', { name: 'Instruments' });
    await choose('Instruments');
    await instruments.waitFor({ state: 'detached' });
    await choose('Instruments');
    await instruments.waitFor();
    await choose('Command Palette…');
    await page.getByRole('dialog', { name: 'Commands' }).waitFor();
    await page.keyboard.press('Escape');
    await choose('Keyboard Shortcuts');
    await page.getByRole('dialog', { name: 'Shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await choose('Chat');
  });

  it('attaches a text file that is dropped on a chat', async () => {
    const { page, home } = app();
    await beginChat(page);
    const path = join(home, 'notes.txt');
    writeFileSync(path, 'The keeper is called Ann.');
    const box = await page.getByRole('region', { name: 'Conversation' }).boundingBox();
    const place = { x: (box?.x ?? 0) + 200, y: (box?.y ?? 0) + 200 };
    const session = await page.context().newCDPSession(page);
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await session.send('Input.dispatchDragEvent', { type, ...place, data });
    }
    await page.getByRole('list', { name: 'Attached files' }).getByText('notes.txt, 25 characters').waitFor();
    await setLongestReply(page, 20);
    await send(page, 'What is the name of the keeper?');
    await answered(page);
    await prompts(page).last().getByRole('button', { name: 'notes.txt, 25 characters' }).waitFor();
    expect(await field(page).inputValue()).toBe('');
  });

  it('exports a chat by a save dialog', async () => {
    const { page, main, home } = app();
    await beginChat(page);
    await ask(page, capital.question);
    const filePath = join(home, 'saved.md');
    await main.evaluate(({ dialog }, chosen) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath: chosen });
    }, filePath);
    await chatMenu(page, capital.question, 'Export as Markdown');
    await page
      .getByRole('status', { name: 'Just done' })
      .getByText(/^Saved/)
      .waitFor();
    expect(readFileSync(filePath, 'utf8')).toContain(capital.answer);
  });

  /** Presses the item of the window's menu. */
  async function choose(label: string): Promise<void> {
    await app().main.evaluate(({ Menu }, wanted) => {
      const items = Menu.getApplicationMenu()?.items.flatMap(({ submenu }) => submenu?.items ?? []) ?? [];
      const item = items.find((candidate) => candidate.label === wanted);
      if (!item) throw new Error(`The menu has no ${wanted}.`);
      (item.click as () => void)();
    }, label);
  }
});
