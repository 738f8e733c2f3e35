/** What is there again after Retort was ended and started anew, also where what it kept is damaged. */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, vi } from 'vitest';
import {
  ask,
  beginChat,
  capital,
  chatRows,
  field,
  importChat,
  ready,
  replies,
  said,
  status,
} from '../../helpers/e2e/app-steps.ts';
import { chatFile } from '../../helpers/e2e/chat-file.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { chromiumPath, openInChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { startServing, temporaryHome } from '../../helpers/e2e/serve.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

describeWhere(chromiumPath !== null, 'Retort that is started again', () => {
  it('shows the last chat, what was typed and not sent, and loads the last model', async () => {
    const app = await openInChromium();
    const { page } = app;
    await field(page).fill('begun and not sent');
    await ready(page);
    await beginChat(page);
    await field(page).fill('');
    await ask(page, capital.question);
    await field(page).fill('a second question');
    await page
      .getByRole('complementary', { name: 'Chats' })
      .getByRole('button', { name: 'New chat', exact: true })
      .click();
    await field(page).fill('a new beginning');
    await chatRows(page).first().click();
    await replies(page).getByText(capital.answer).waitFor();
    await app.restart();
    await replies(page).getByText(capital.answer).waitFor();
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe(capital.question);
    expect(await field(page).inputValue()).toBe('a second question');
    await page
      .getByRole('complementary', { name: 'Chats' })
      .getByRole('button', { name: 'New chat', exact: true })
      .click();
    expect(await field(page).inputValue()).toBe('a new beginning');
    await ready(page);
    expect(await status(page).innerText()).toContain('SmolLM2 135M Instruct');
  });

  it('keeps theme and panels', async () => {
    const app = await openInChromium();
    const { page } = app;
    await ready(page);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('radiogroup', { name: 'Theme' }).getByRole('radio', { name: 'dark' }).click();
    const ground = () => page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
    await expect.poll(ground).not.toBe('rgb(247, 247, 245)');
    const dark = await ground();
    await page.getByRole('radiogroup', { name: 'Theme' }).getByRole('radio', { name: 'light' }).click();
    await expect.poll(ground).not.toBe(dark);
    await page.getByRole('radiogroup', { name: 'Theme' }).getByRole('radio', { name: 'dark' }).click();
    await page.getByRole('switch', { name: 'Show the instruments beside a chat' }).click();
    await app.restart();
    await field(page).waitFor();
    await expect.poll(ground).toBe(dark);
    expect(await page.getByRole('complementary', { name: 'Instruments' }).count()).toBe(0);
  });
});

describeWhere(chromiumPath !== null, 'a second Retort on the same data folder', () => {
  it('is refused with the process that has the chats, and the first goes on', async () => {
    const { page, home, hostPid } = await openInChromium();
    await expect(startServing({ home })).rejects.toThrow(
      `Another Retort (process ${hostPid}) has the chats of this data folder open. Use its window, or end it and try again.`,
    );
    await importChat(page, chatFile('Still here', ['Hello', 'Hello to you.']), 'Still here');
  });
});

describeWhere(chromiumPath !== null, 'a damaged database', () => {
  it('is kept, what can be read of it is saved, and the page says so', async () => {
    const home = temporaryHome();
    const app = await openInChromium({ home });
    const { page } = app;
    for (const title of ['First', 'Second', 'Third'])
      await importChat(page, chatFile(title, ['Hello', `This is ${title}.`]), title);
    await page.goto('about:blank');
    await app.serving.close();
    const file = join(home, 'retort.db');
    const bytes = readFileSync(file);
    bytes.fill(0x55, 0, 100);
    writeFileSync(file, bytes);
    await app.restart();
    const notice = page.getByText(/^The database of chats was damaged: /);
    await notice.waitFor();
    const kept = /The damaged file is kept in the data folder as ([^ ]+)\./.exec(
      await notice.innerText(),
    )?.[1];
    expect(readdirSync(home)).toContain(kept);
    expect(await notice.innerText()).toMatch(/Now there are 3 chats with 6 messages\.$/);
    expect(await chatRows(page).count()).toBe(3);
    await chatRows(page).first().click();
    expect(await said(replies(page).first())).toMatch(/^This is (First|Second|Third)\.$/);
    await page.getByRole('button', { name: 'Dismiss' }).first().click();
    await notice.waitFor({ state: 'detached' });
  });

  it('that cannot be read at all is never shown as an empty list without words', async () => {
    const home = temporaryHome();
    writeFileSync(join(home, 'retort.db'), 'this is no database '.repeat(1000));
    const { page } = await openInChromium({ home });
    await page.getByText(/^The database of chats was damaged: /).waitFor();
    expect(await page.getByText(/^The database of chats was damaged: /).innerText()).toMatch(
      /The damaged file is kept in the data folder as .* There is no backup; what could be read was saved\. Now there are 0 chats with 0 messages\.$/,
    );
  });

  it('of a newer Retort is left as it is, and the start says why', async () => {
    const home = temporaryHome();
    const database = new DatabaseSync(join(home, 'retort.db'));
    database.exec('CREATE TABLE future (x); PRAGMA user_version = 9999');
    database.close();
    const before = readFileSync(join(home, 'retort.db'));
    await expect(startServing({ home })).rejects.toThrow(/newer/);
    expect(readFileSync(join(home, 'retort.db')).equals(before)).toBe(true);
    rmSync(home, { recursive: true });
  });
});
