/** The engine dies or hangs while a reply is written: what was written stays, it is said, and the next message is answered. */
import type { Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import {
  answered,
  ask,
  beginChat,
  field,
  grown,
  lettersOf,
  longQuestion,
  ready,
  replies,
  said,
  send,
  setLongestReply,
} from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { integrityOnDisk, lastReplyOnDisk } from '../../helpers/e2e/chats-on-disk.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { engineOf, killPlans, logKill, shownAt, watchReply } from '../../helpers/e2e/kills.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

/** What is still felt as an answer. */
const answerLimitMs = 500;

/** The last reply's own notice. */
const interruption = (page: Page) => replies(page).last().getByRole('alert');

describeWhere(chromiumPath !== null, 'an engine that ends while it writes', () => {
  const app = useChromium();

  it.each(killPlans(7001, 5))('by SIGKILL past token $token (seed $seed) loses nothing', async (plan) => {
    const { page, home } = app();
    const pid = await beginLongReply(page, plan.token);
    process.kill(pid, 'SIGKILL');
    const killedAt = Date.now();
    await interruption(page).waitFor();
    const notice = 'The engine process ended by signal SIGKILL. What it had written is kept.';
    expect(await interruption(page).innerText()).toMatch(
      new RegExp(`^This reply was interrupted\\.\\n+${notice}\\n+Continue\\n+Regenerate$`),
    );
    const shown = await shownAt(page, killedAt);
    await expectKept(page, shown);
    const stored = lastReplyOnDisk(home);
    expect(stored.state).toBe('interrupted');
    expect(stored.reply?.error?.message).toBe(notice);
    expect(integrityOnDisk(home)).toBe('ok');
    await setLongestReply(page, 8);
    expect(await ask(page, 'Go on.')).not.toBe('');
    await ready(page);
    logKill(
      'kill/engine',
      plan,
      shown,
      `${stored.text.length} characters kept, the next message was answered`,
    );
  });

  it.each(['SIGSEGV', 'SIGABRT', 'SIGTERM'] as const)(
    'by %s is named by its signal, and not started again and again',
    async (signal) => {
      const { page } = app();
      const pid = await beginLongReply(page, 20);
      process.kill(pid, signal);
      const killedAt = Date.now();
      await interruption(page)
        .getByText(`The engine process ended by signal ${signal}. What it had written is kept.`, {
          exact: true,
        })
        .waitFor();
      await expectKept(page, await shownAt(page, killedAt));
      await page.getByText('SmolLM2 135M Instruct, Q4_1 is not running.', { exact: true }).waitFor();
      expect(engineOf(app().hostPid)).toBeUndefined();
    },
  );

  it('is loaded again by the button beside what happened', async () => {
    const { page } = app();
    await page.getByRole('button', { name: 'Load it again' }).click();
    await ready(page);
  });

  it('hangs: the window goes on, Stop is shown at once and ends it', async () => {
    const { page, home } = app();
    const pid = await beginLongReply(page, 30);
    process.kill(pid, 'SIGSTOP');
    const before = await said(replies(page).last());
    await field(page).fill('typed while it hangs');
    const stoppedAfterMs = await page.getByRole('button', { name: /^Stop/ }).evaluate(async (button) => {
      const pressedAt = performance.now();
      (button as HTMLElement).click();
      while (!document.querySelector('article[aria-busy=true]')?.textContent.includes('stopping'))
        await new Promise(requestAnimationFrame);
      return performance.now() - pressedAt;
    });
    expect(stoppedAfterMs).toBeLessThanOrEqual(answerLimitMs);
    const text = await answered(page);
    expect(lettersOf(text).startsWith(lettersOf(before))).toBe(true);
    expect(lettersOf(lastReplyOnDisk(home).text)).toBe(lettersOf(text));
    expect(await field(page).inputValue()).toBe('typed while it hangs');
    await setLongestReply(page, 8);
    expect(await ask(page, 'Go on.')).not.toBe('');
  });

  /** Returns the engine's process id when the reply has so many tokens. */
  async function beginLongReply(page: Page, tokens: number): Promise<number> {
    await beginChat(page);
    await watchReply(page);
    await send(page, longQuestion);
    await grown(page, tokens);
    const pid = engineOf(app().hostPid);
    if (pid === undefined) throw new Error('A reply grows without an engine.');
    return pid;
  }

  async function expectKept(page: Page, shown: string): Promise<void> {
    const stored = lettersOf(lastReplyOnDisk(app().home).text);
    expect(shown).not.toBe('');
    expect(stored.startsWith(lettersOf(shown))).toBe(true);
    expect(lettersOf(await said(replies(page).last()))).toBe(stored);
  }
});
