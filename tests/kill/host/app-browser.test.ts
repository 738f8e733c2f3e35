/** `retort serve` is killed while a reply is written: what the page showed a second before is on disk, and the next start says so. */
import { expect, it, vi } from 'vitest';
import {
  answered,
  ask,
  beginChat,
  capital,
  chatRows,
  grown,
  lettersOf,
  longQuestion,
  replies,
  said,
  send,
  setLongestReply,
} from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { integrityOnDisk, lastReplyOnDisk } from '../../helpers/e2e/chats-on-disk.ts';
import { chromiumPath, useChromium } from '../../helpers/e2e/chromium.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import {
  engineProcesses,
  killPlans,
  lossLimitMs,
  logKill,
  shownAt,
  untilGone,
  untilSomethingCounts,
  watchReply,
} from '../../helpers/e2e/kills.ts';

vi.setConfig({ testTimeout: journeyLimitMs });

describeWhere(chromiumPath !== null, 'retort serve that is killed while it writes', () => {
  const app = useChromium();

  it.each(killPlans(8001, 5))('past token $token (seed $seed) loses less than a second', async (plan) => {
    const { page, home, problems } = app();
    // What a page says of a host that is gone.
    problems.expect(/WebSocket connection|net::ERR_/);
    await beginChat(page);
    await watchReply(page);
    await send(page, longQuestion);
    await grown(page, plan.token);
    await untilSomethingCounts(page);
    const chats = await chatRows(page).count();
    const engines = engineProcesses(app().hostPid);
    expect(engines.length).toBeGreaterThan(0);
    process.kill(app().hostPid, 'SIGKILL');
    const killedAt = Date.now();
    await page.getByText('Retort joins again by itself; what is on the page stays.').waitFor();
    const shown = await shownAt(page, killedAt - lossLimitMs);
    const goneAfterMs = await untilGone(engines);

    await app().restart();
    await replies(page).last().getByRole('alert').waitFor();
    expect(await replies(page).last().getByRole('alert').innerText()).toMatch(
      /^This reply was interrupted\.\n+Retort ended while this was written\.\n+Regenerate$/,
    );
    const restartedAfterMs = Date.now() - killedAt;
    const stored = lastReplyOnDisk(home);
    expect(shown).not.toBe('');
    expect(lettersOf(stored.text).startsWith(lettersOf(shown))).toBe(true);
    expect(lettersOf(await said(replies(page).last()))).toBe(lettersOf(stored.text));
    expect(stored.state).toBe('interrupted');
    expect(stored.reply?.error?.message).toBe('Retort ended while this was written.');
    expect(integrityOnDisk(home)).toBe('ok');
    expect(await chatRows(page).count()).toBe(chats);
    logKill(
      'kill/host in a browser',
      plan,
      shown,
      `${stored.text.length} characters kept, engines gone after ${goneAfterMs} ms, shown again after ${restartedAfterMs} ms`,
    );
  });

  it('has a reply go on when the page that follows it crashes', async () => {
    const { home, problems, newPage, newLink } = app();
    problems.expect(/the page crashed/);
    const page = await newPage();
    await page.goto(await newLink());
    await beginChat(page);
    await setLongestReply(page, 250);
    await watchReply(page);
    await send(page, longQuestion);
    await grown(page, 60);
    const shown = await shownAt(page, Date.now());
    const crashed = page.waitForEvent('crash');
    await page.goto('chrome://crash').catch(() => undefined);
    await crashed;
    const next = await newPage();
    await next.goto(await newLink());
    const text = await answered(next);
    expect(lettersOf(text).startsWith(lettersOf(shown))).toBe(true);
    const stored = lastReplyOnDisk(home);
    expect(lettersOf(stored.text)).toBe(lettersOf(text));
    expect([stored.state, stored.reply?.generatedTokens]).toEqual(['complete', 250]);
    await Promise.all([page.context().close(), next.context().close()]);
  });

  it('answers as before afterwards', async () => {
    const { page } = app();
    await beginChat(page);
    expect(await ask(page, capital.question)).toBe(capital.answer);
  });
});
