/** A person's ways through chats in Chromium, with the bundled model. */
import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { chatFile } from '../../helpers/e2e/chat-file.ts';
import {
  answered,
  ask,
  beginChat,
  capital,
  chatMenu,
  chatRows,
  chooseGreedy,
  field,
  grown,
  importChat,
  lettersOf,
  longQuestion,
  pasteFile,
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
import { lastReplyOnDisk, messagesOnDisk } from '../../helpers/e2e/chats-on-disk.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { showsListingsInColour } from '../../helpers/e2e/listings.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

describeWhere(chromiumPath !== null, 'Retort in Chromium', () => {
  const app = useChromium();

  it('loads its own model at the first start and answers what was sent meanwhile', async () => {
    const { page } = app();
    const examples = page.getByRole('list', { name: 'Examples' });
    await examples.waitFor();
    expect(await examples.getByRole('button').count()).toBe(3);
    await examples.getByRole('button').first().click();
    expect(await field(page).inputValue()).toBe('Explain why the sky is blue, in three sentences.');
    await chooseGreedy(page);
    await send(page, capital.question);
    await replies(page).first().waitFor();
    expect(await answered(page)).toBe(capital.answer);
    await ready(page);
    expect(await field(page).inputValue()).toBe('');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe(capital.question);
    expect(messagesOnDisk(app().home).map(({ text, state }) => [text, state])).toEqual([
      [capital.question, 'complete'],
      [capital.answer, 'complete'],
    ]);
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
    await replies(page).last().getByText('stopped at your request').waitFor();
    const stored = lastReplyOnDisk(home);
    expect(lettersOf(stored.text)).toBe(lettersOf(text));
    expect(stored.state).toBe('complete');
    expect(stored.reply?.finishReason).toBe('cancelled');
  });

  it('edits and regenerates as branches, switches between them, and reads only what is new', async () => {
    const { page, home } = app();
    await beginChat(page);
    expect(await ask(page, capital.question)).toBe(capital.answer);
    await prompts(page).first().hover();
    await prompts(page).first().getByRole('button', { name: 'Edit, as a branch' }).click();
    const editor = page.getByRole('textbox', { name: 'Edit your message' });
    expect(await editor.inputValue()).toBe(capital.question);
    await editor.fill('What is the capital of Germany?');
    await page.getByRole('button', { name: 'Send as a branch' }).click();
    await editor.waitFor({ state: 'detached' });
    expect(await answered(page)).toBe('The capital of Germany is Berlin.');
    // All before the country's name was still in the engine.
    const { promptTokens, reusedTokens } = lastReplyOnDisk(home).reply ?? {};
    expect(reusedTokens).toBeGreaterThan(0);
    expect(reusedTokens).toBeLessThan(promptTokens ?? 0);

    const branches = prompts(page).first().getByRole('group', { name: 'Branches' });
    expect(await branches.innerText()).toContain('2 of 2');
    await branches.getByRole('button', { name: 'Previous branch' }).click();
    await replies(page).getByText(capital.answer).waitFor();
    expect(await prompts(page).first().getByRole('group', { name: 'Branches' }).innerText()).toContain(
      '1 of 2',
    );

    await replies(page).last().getByRole('button', { name: 'Regenerate' }).click();
    await replies(page).last().getByRole('group', { name: 'Branches' }).getByText('2 of 2').waitFor();
    expect(await answered(page)).toBe(capital.answer);
    await page.getByText('branch 3 of 3', { exact: true }).waitFor();
    expect(lastReplyOnDisk(home).reply?.reusedTokens).toBeGreaterThan(0);
  });

  it('branches from an alternative in the token timeline', async () => {
    const { page } = app();
    await beginChat(page);
    await ask(page, capital.question);
    await replies(page).last().getByTitle('Show the token timeline').click();
    const timeline = page.getByRole('region', { name: 'Token timeline' });
    await timeline.getByText(/p50/).first().waitFor();
    const cursor = timeline.getByRole('slider', { name: /cursor/ });
    await cursor.press('Home');
    await cursor.press('ArrowRight');
    await cursor.press('Enter');
    const alternative = timeline.getByRole('button', { name: /^branch with/ }).first();
    const word = /“(.*)”/.exec((await alternative.getAttribute('aria-label')) ?? '')?.[1] ?? '';
    await alternative.click();
    const text = await branched(page);
    expect(text).not.toBe(capital.answer);
    expect(lettersOf(text).startsWith(lettersOf(`The${word}`))).toBe(true);
  });

  it('branches from an alternative of the word that is pointed at', async () => {
    const { page } = app();
    await beginChat(page);
    await ask(page, capital.question);
    await page
      .getByRole('radiogroup', { name: 'Tint tokens by' })
      .getByRole('radio', { name: 'probability' })
      .click();
    await replies(page).last().getByText('Paris', { exact: false }).last().hover();
    const card = page.getByRole('dialog', { name: /^Token \d+$/ });
    await card.getByRole('button', { name: /^this token/ }).waitFor();
    expect(await card.getByRole('button', { name: /probability/ }).count()).toBe(10);
    await card
      .getByRole('button', { name: /^branch with/ })
      .first()
      .click();
    const text = await branched(page);
    expect(text).not.toBe(capital.answer);
    expect(text.startsWith('The capital of France is')).toBe(true);
    await page
      .getByRole('radiogroup', { name: 'Tint tokens by' })
      .getByRole('radio', { name: 'none' })
      .click();
  });

  it('finds chats by title and by text, and marks what was found', async () => {
    const { page } = app();
    await importChat(
      page,
      chatFile('On bicycles', ['What of them?', 'A tandem is a xylocarp.']),
      'On bicycles',
    );
    const search = page.getByRole('searchbox', { name: 'Search chats' });
    const results = page.getByRole('list', { name: 'Results' });
    await search.fill('bicycl');
    await results.getByRole('link').first().waitFor();
    expect(await marks(results)).toContain('bicycles');
    await search.fill('XYLOCARP');
    await results.getByText('tandem').waitFor();
    expect(await results.getByRole('link').count()).toBe(1);
    expect(await marks(results)).toEqual(['xylocarp']);
    await page.getByRole('complementary', { name: 'Chats' }).getByText('1 result', { exact: true }).waitFor();
    await beginChat(page);
    await results.getByRole('link').click();
    await page.getByRole('heading', { name: 'On bicycles', level: 1 }).waitFor();
    await search.fill('"no such" AND (words');
    await page.getByText('0 results', { exact: true }).waitFor();
    await search.press('Escape');
    await chatRows(page).first().waitFor();
  });

  it('renames, pins and deletes a chat, and takes a deletion back', async () => {
    const { page } = app();
    await importChat(page, chatFile('A chat to change', ['Hello', 'Hello to you.']), 'A chat to change');
    await chatMenu(page, 'A chat to change', 'Rename');
    const name = page.getByRole('textbox', { name: 'New name of A chat to change' });
    await name.fill('A chat that was changed');
    await name.press('Enter');
    await page.getByRole('heading', { name: 'A chat that was changed', level: 1 }).waitFor();
    await chatMenu(page, 'A chat that was changed', 'Pin');
    await page.getByRole('heading', { name: 'Pinned', level: 2 }).waitFor();
    expect(await chatRows(page).first().innerText()).toContain('A chat that was changed');
    await chatMenu(page, 'A chat that was changed', 'Delete');
    await page.getByText('“A chat that was changed” deleted').waitFor();
    await page.getByRole('link', { name: 'A chat that was changed' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('heading', { name: 'A chat that was changed', level: 1 }).waitFor();
    expect(await said(replies(page).first())).toBe('Hello to you.');
    await chatMenu(page, 'A chat that was changed', 'Unpin');
  });

  it('exports a chat three ways, and imports it again', async () => {
    const { page } = app();
    await beginChat(page);
    await ask(page, capital.question);
    await chatMenu(page, capital.question, 'Rename');
    await page.getByRole('textbox', { name: /^New name/ }).fill('Of capitals');
    await page.getByRole('textbox', { name: /^New name/ }).press('Enter');
    await page.getByRole('heading', { name: 'Of capitals', level: 1 }).waitFor();
    const markdown = await exported(page, 'Of capitals', 'Export as Markdown');
    expect(markdown.name).toBe('Of-capitals.md');
    expect(markdown.text).toContain(capital.answer);
    const html = await exported(page, 'Of capitals', 'Export as HTML');
    expect(html.text).toContain(capital.answer);
    expect(html.text).not.toMatch(/<script/i);
    const json = await exported(page, 'Of capitals', 'Export as JSON');
    await chatMenu(page, 'Of capitals', 'Delete');
    await page.getByText('“Of capitals” deleted').waitFor();
    await importChat(page, json.text, 'Of capitals');
    expect(await said(prompts(page).first())).toBe(capital.question);
    expect(await said(replies(page).first())).toBe(capital.answer);
    await page.getByLabel('Import a chat', { exact: true }).setInputFiles({
      name: 'x.json',
      mimeType: 'application/json',
      buffer: Buffer.from('{"format":"other"}'),
    });
    await page
      .getByRole('status', { name: 'Just done' })
      .getByText(/format/)
      .waitFor();
  });

  it('takes a system prompt and a longest reply, and keeps both', async () => {
    const { page, home } = app();
    await beginChat(page);
    await page.getByRole('button', { name: /^System prompt/ }).click();
    const dialog = page.getByRole('dialog', { name: 'System prompt' });
    await dialog
      .getByRole('textbox', { name: /What the model is told/ })
      .fill('You are a lighthouse keeper.');
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    await setLongestReply(page, 5);
    await ask(page, longQuestion);
    await replies(page).last().getByText('stopped at the longest reply allowed').waitFor();
    expect(lastReplyOnDisk(home).reply?.generatedTokens).toBe(5);
    await page.reload();
    await page.getByRole('button', { name: 'System prompt: set' }).click();
    expect(await dialog.getByRole('textbox', { name: /What the model is told/ }).inputValue()).toBe(
      'You are a lighthouse keeper.',
    );
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    const ledger = await openLedger(page);
    expect(Number(ledger.get('System prompt'))).toBeGreaterThan(3);
    await page.keyboard.press('Escape');
  });

  it('says what the context is filled with, by origin, before anything is sent', async () => {
    const { page } = app();
    await beginChat(page);
    await ask(page, capital.question);
    await field(page).fill('And of Spain?');
    await page.getByText('4 tokens, then').waitFor();
    const ledger = await openLedger(page);
    expect([...ledger.keys()]).toEqual([
      'You: What is the capital of France?',
      'Reply: The capital of France is Paris.',
      'This message',
      'Chat template',
      'All',
    ]);
    const [all, ...parts] = [...ledger.values()].map(Number).reverse();
    expect(parts.reduce((sum, tokens) => sum + tokens, 0)).toBe(all);
    expect(ledger.get('This message')).toBe('4');
    await page.keyboard.press('Escape');
    await field(page).fill('');
  });

  it('refuses what does not fit, with the count, before it is sent', async () => {
    const { page, home } = app();
    await beginChat(page);
    const count = messagesOnDisk(home).length;
    const text = 'the keeper and the lamp '.repeat(4000);
    await page.getByLabel('Attach text files').setInputFiles([
      { name: 'long.txt', mimeType: 'text/plain', buffer: Buffer.from(text) },
      { name: 'short.txt', mimeType: 'text/plain', buffer: Buffer.from('A short one.') },
    ]);
    await field(page).fill('What stands there?');
    const before = page.getByRole('region', { name: 'Before it is sent' });
    await before.getByText(/^[\d,]+ tokens too many\.$/).waitFor();
    expect(await before.innerText()).toMatch(
      /[\d,]+ of 8,192, and a reply needs room\. Nothing was sent: choose what stays\./,
    );
    await field(page).press('Enter');
    expect(await page.getByRole('button', { name: 'Send' }).getAttribute('aria-disabled')).toBe('true');
    expect(messagesOnDisk(home)).toHaveLength(count);
    await before
      .getByRole('row', { name: /long\.txt/ })
      .getByRole('button', { name: 'Leave out' })
      .click();
    await before.waitFor({ state: 'detached' });
    await setLongestReply(page, 3);
    await field(page).press('Enter');
    await answered(page);
    await prompts(page).last().getByRole('button', { name: 'short.txt, 12 characters' }).waitFor();
  });

  it('refuses a pasted picture aloud', async () => {
    const { page } = app();
    await beginChat(page);
    await pasteFile(page, { name: 'shot.png', type: 'image/png' });
    const alert = page.getByRole('alert').filter({ hasText: 'shot.png' });
    expect(await alert.innerText()).toContain(
      'This model reads text only: the picture shot.png was not attached.',
    );
    await alert.getByRole('button', { name: 'Close' }).click();
    await alert.waitFor({ state: 'detached' });
  });

  it('shows listings in colour, by a worker', async () => {
    await showsListingsInColour(app().page);
  });

  it('folds what a model thought aloud, and does not send it back', async () => {
    const { page } = app();
    const thought = 'They ask for a capital. '.repeat(50);
    await importChat(
      page,
      chatFile('A thought', [capital.question, `<think>${thought}</think>\n\nIt is Paris.`]),
      'A thought',
    );
    const fold = replies(page).first().getByRole('group').filter({ hasText: 'Thought before answering' });
    const inside = replies(page).first().getByText('They ask for a capital.');
    expect(await inside.isVisible()).toBe(false);
    await fold.getByText('Thought before answering').click();
    await inside.waitFor();
    const ledger = await openLedger(page);
    expect(Number(ledger.get('Reply: It is Paris.'))).toBeLessThan(8);
    await page.keyboard.press('Escape');
  });

  it('loses nothing of a reply when its page is reloaded, and follows it to its end', async () => {
    const { page, home } = app();
    await beginChat(page);
    await setLongestReply(page, 250);
    await send(page, longQuestion);
    await grown(page, 60);
    const before = await said(replies(page).last());
    await page.reload();
    await page
      .locator('article[aria-busy=true]')
      .getByText(/^[\d,]+ tokens$/)
      .waitFor();
    expect(lettersOf(await said(replies(page).last())).startsWith(lettersOf(before))).toBe(true);
    const text = await answered(page);
    expect(lettersOf(text).startsWith(lettersOf(before))).toBe(true);
    const stored = lastReplyOnDisk(home);
    expect(lettersOf(stored.text)).toBe(lettersOf(text));
    expect(stored.reply?.generatedTokens).toBe(250);
    expect(stored.state).toBe('complete');
  });

  it('shows a second window the same reply as it grows, and every change at once', async () => {
    const { page, newPage, newLink } = app();
    await beginChat(page);
    await ask(page, capital.question);
    const other = await newPage();
    await other.goto(await newLink());
    await chatRows(other).first().click();
    await replies(other).getByText(capital.answer).waitFor();
    await setLongestReply(page, 200);
    await send(page, longQuestion);
    await Promise.all([grown(page, 50), grown(other, 50)]);
    await replies(other).nth(1).waitFor();
    const [here, there] = [await answered(page), await answered(other)];
    expect(there).toBe(here);
    await chatMenu(other, capital.question, 'Rename');
    await other.getByRole('textbox', { name: /^New name/ }).fill('Renamed elsewhere');
    await other.getByRole('textbox', { name: /^New name/ }).press('Enter');
    await page.getByRole('heading', { name: 'Renamed elsewhere', level: 1 }).waitFor();
    await other.close();
  });
});

/** The text of the reply that an alternative has begun, once it has ended. */
async function branched(page: Page): Promise<string> {
  await replies(page).last().getByRole('group', { name: 'Branches' }).getByText('2 of 2').waitFor();
  return answered(page);
}

const marks = (results: Locator): Promise<string[]> => results.locator('mark').allInnerTexts();

interface Exported {
  readonly name: string;
  readonly text: string;
}

async function exported(page: Page, title: string, item: string): Promise<Exported> {
  const [download] = await Promise.all([page.waitForEvent('download'), chatMenu(page, title, item)]);
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
}

/** Tokens by the name of the part, in the order shown. */
async function openLedger(page: Page): Promise<Map<string, string>> {
  await page.getByTitle('Show what is in the context').click();
  const rows = page.getByRole('dialog', { name: 'What is in the context' }).getByRole('row');
  await rows.last().waitFor();
  const cells = await Promise.all(
    (await rows.all()).slice(1).map((row) => row.getByRole('cell').allInnerTexts()),
  );
  return new Map(cells.map(([name = '', tokens = '']) => [name, tokens]));
}
