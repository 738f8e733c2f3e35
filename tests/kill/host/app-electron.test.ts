/** The host of the app in Electron is killed while a reply is written: the window stays and joins the next one by itself. */
import { expect, it, vi } from 'vitest';
import {
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
} from '../../helpers/e2e/app-steps.ts';
import { journeyLimitMs } from '../../helpers/e2e/build.ts';
import { integrityOnDisk, lastReplyOnDisk } from '../../helpers/e2e/chats-on-disk.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { electronPath, hostPid, useElectron } from '../../helpers/e2e/electron.ts';
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

describeWhere(electronPath !== null, 'a host in Electron that is killed while it writes', () => {
  const app = useElectron();

  it.each(killPlans(9001, 5))('past token $token (seed $seed) loses less than a second', async (plan) => {
    const { page, home, main } = app();
    // Two within ten seconds: a person is asked, who says yes.
    await main.evaluate(({ dialog }) => {
      dialog.showMessageBox = () => Promise.resolve({ response: 0, checkboxChecked: false });
    });
    await beginChat(page);
    await watchReply(page);
    await send(page, longQuestion);
    await grown(page, plan.token);
    await untilSomethingCounts(page);
    const chats = await chatRows(page).count();
    const host = hostPid(app()) ?? 0;
    const engines = engineProcesses(host);
    expect(engines.length).toBeGreaterThan(0);
    process.kill(host, 'SIGKILL');
    const killedAt = Date.now();
    await replies(page).last().getByText('Retort ended while this was written.', { exact: true }).waitFor();
    const restartedAfterMs = Date.now() - killedAt;
    const shown = await shownAt(page, killedAt - lossLimitMs);
    const goneAfterMs = await untilGone(engines);
    const stored = lastReplyOnDisk(home);
    expect(shown).not.toBe('');
    expect(lettersOf(stored.text).startsWith(lettersOf(shown))).toBe(true);
    expect(lettersOf(await said(replies(page).last()))).toBe(lettersOf(stored.text));
    expect(stored.state).toBe('interrupted');
    expect(integrityOnDisk(home)).toBe('ok');
    expect(await chatRows(page).count()).toBe(chats);
    logKill(
      'kill/host in Electron',
      plan,
      shown,
      `${stored.text.length} characters kept, engines gone after ${goneAfterMs} ms, shown again after ${restartedAfterMs} ms`,
    );
  });

  it('answers as before afterwards', async () => {
    const { page } = app();
    await beginChat(page);
    expect(await ask(page, capital.question)).toBe(capital.answer);
  });
});
