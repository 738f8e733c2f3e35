/** What a person does and sees in Retort, by roles, labels and words: the same in a browser and in Electron. */
/// <reference lib="dom" />
import type { Locator, Page } from 'playwright-core';

/** Asked with greedy sampling, the bundled model always says the same. */
export const capital = {
  question: 'What is the capital of France?',
  answer: 'The capital of France is Paris.',
};
/** Its answer is plain prose of hundreds of tokens. */
export const longQuestion = 'Tell a long story about an old lighthouse keeper.';

/** For a model that has to be loaded on a busy machine: a bound on hanging. */
const loadLimitMs = 60_000;

export const status = (page: Page): Locator => page.getByRole('contentinfo', { name: 'Status' });
export const field = (page: Page): Locator => page.getByRole('textbox', { name: 'Message', exact: true });
export const replies = (page: Page): Locator => page.getByRole('article', { name: 'Reply' });
export const prompts = (page: Page): Locator => page.getByRole('article', { name: 'Your message' });
export const chatRows = (page: Page): Locator => page.getByRole('list', { name: 'Chats' }).getByRole('link');

/** The page is drawn and a model is in memory. */
export async function ready(page: Page): Promise<void> {
  await status(page).getByText('Engine ready').waitFor({ timeout: loadLimitMs });
}

export async function send(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press('Enter');
}

/** The last reply has ended and can be written anew. Returns what it says. */
export async function answered(page: Page): Promise<string> {
  await replies(page).last().getByRole('button', { name: 'Regenerate' }).waitFor({ timeout: loadLimitMs });
  return said(replies(page).last());
}

/** A message's own text as it is shown, without what stands around it. */
export async function said(message: Locator): Promise<string> {
  return (await message.locator('[dir=auto]').first().innerText()).trim();
}

export async function ask(page: Page, text: string): Promise<string> {
  const before = await replies(page).count();
  await send(page, text);
  await replies(page).nth(before).waitFor();
  return answered(page);
}

/** An empty chat whose replies are always the likeliest ones. */
export async function beginChat(page: Page): Promise<void> {
  await page
    .getByRole('complementary', { name: 'Chats' })
    .getByRole('button', { name: 'New chat', exact: true })
    .click();
  await page.getByRole('heading', { name: 'New chat', level: 2 }).waitFor();
  await chooseGreedy(page);
}

export function chooseGreedy(page: Page): Promise<void> {
  return inSampling(page, (dialog) => dialog.getByRole('slider', { name: 'Temperature' }).press('Home'));
}

/** Replies in the chat that is open end after so many tokens. */
export function setLongestReply(page: Page, tokens: number): Promise<void> {
  return inSampling(page, (dialog) =>
    dialog.getByRole('textbox', { name: 'Longest reply' }).fill(String(tokens)),
  );
}

async function inSampling(page: Page, change: (dialog: Locator) => Promise<void>): Promise<void> {
  await page.getByRole('button', { name: /^Sampling/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Sampling' });
  await change(dialog);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** Waits until the reply that grows has `count` tokens. */
export async function grown(page: Page, count: number): Promise<void> {
  await page.evaluate(
    (least) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          const growing = document.querySelector('article[aria-busy=true]');
          const tokens = /writing([\d,]+) tokens?/.exec(growing?.textContent ?? '')?.[1]?.replaceAll(',', '');
          if (Number(tokens) >= least) return resolve();
          if (performance.now() > end) return reject(new Error(`The reply never had ${least} tokens.`));
          setTimeout(look, 10);
        };
        const end = performance.now() + 60_000;
        look();
      }),
    count,
  );
}

export async function chooseInMenu(page: Page, trigger: Locator, item: string): Promise<void> {
  await trigger.click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** The menu of a chat in the list. */
export async function chatMenu(page: Page, title: string, item: string): Promise<void> {
  await page.getByRole('link', { name: title }).first().hover();
  await chooseInMenu(page, page.getByRole('button', { name: `More about ${title}` }).first(), item);
}

/** Takes a chat from a file's text; it is shown when this returns. */
export async function importChat(page: Page, text: string, title: string): Promise<void> {
  const file = { name: 'chat.json', mimeType: 'application/json', buffer: Buffer.from(text) };
  // A page that is not connected yet says so, and imports nothing.
  await status(page)
    .getByText(/^(No model in memory|Loading|Engine)/)
    .waitFor();
  await page.getByLabel('Import a chat', { exact: true }).setInputFiles(file);
  await page.getByRole('heading', { name: title, level: 1 }).waitFor();
}

/** As if it lay in the clipboard. */
export async function pasteFile(page: Page, file: { name: string; type: string }): Promise<void> {
  await field(page).evaluate((element, { name, type }) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(['x'], name, { type }));
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, file);
}

/** Letters and digits alone: what is left of a text when Markdown has been drawn from it. */
export const lettersOf = (text: string): string => text.replace(/[^\p{L}\p{N}]/gu, '');

/** Above this a Stop would not be felt as one. */
export const stopLimitMs = 500;

/** Presses Stop. Resolves with how long it took until another message could be sent. */
export function stop(page: Page): Promise<number> {
  return page.getByRole('button', { name: /^Stop/ }).evaluate(async (button) => {
    const pressedAt = performance.now();
    const isThere = () =>
      [...document.querySelectorAll('button')].some(({ innerText }) => innerText.startsWith('Stop'));
    (button as HTMLElement).click();
    while (isThere()) await new Promise(requestAnimationFrame);
    return performance.now() - pressedAt;
  });
}
