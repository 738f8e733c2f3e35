/** A chat with listings, and whether they are in colour. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { importChat } from './app-steps.ts';
import { chatFile } from './chat-file.ts';

const listing = (language: string, code: string) => `\`\`\`${language}\n${code}\n\`\`\``;

const reply = [
  'Three ways:',
  listing('ts', 'const answer: number = 42; // the same'),
  listing('python', 'def answer():\n    return 42'),
  listing('no-such-language', 'answer 42'),
].join('\n\n');

/** Opens a reply with listings and waits for the colours of those whose language is known; they are the work of one worker. */
export async function showsListingsInColour(page: Page): Promise<void> {
  await importChat(page, chatFile('Listings', ['Show me.', reply]), 'Listings');
  const coloured = (name: string) => page.getByLabel(`Code, ${name}`).locator('span[style*=color]');
  for (const name of ['ts', 'python']) await coloured(name).first().waitFor();
  expect(await coloured('no-such-language').count()).toBe(0);
  expect(await page.getByLabel('Code, python').innerText()).toBe('def answer():\n    return 42');
  expect(page.workers().map((worker) => new URL(worker.url()).origin)).toEqual([new URL(page.url()).origin]);
}
