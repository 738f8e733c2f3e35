/** The app as a person runs it: not root, with Chromium's own sandbox around the page. */
import { readFileSync, readlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { electronPath, useElectron } from '../../helpers/e2e/electron.ts';
import { canBeOtherUser } from '../../helpers/e2e/other-user.ts';
import { isServed } from '../../helpers/e2e/page-calls.ts';
import { describeWindow } from '../../helpers/e2e/window-tests.ts';

/** A field of /proc/<pid>/status. */
function statusOf(pid: number, field: string): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
}

const nobody = '65534';

describeWhere(electronPath !== null && canBeOtherUser, 'the window of a user who is not root', () => {
  const app = useElectron({ asOtherUser: true });

  it('is in Chromium’s sandbox: no system calls but the allowed, a user and processes of its own', async () => {
    const { main } = app();
    const [shell, page, switches] = await main.evaluate(
      ({ app: electron, BrowserWindow }) =>
        [
          process.pid,
          BrowserWindow.getAllWindows()[0]?.webContents.getOSProcessId() ?? 0,
          electron.commandLine.hasSwitch('no-sandbox'),
        ] as const,
    );
    expect(switches).toBe(false);
    expect(statusOf(shell, 'Uid').split('\t')[0]).toBe(nobody);
    const filtered = '2';
    expect(statusOf(page, 'Seccomp')).toBe(filtered);
    expect(statusOf(page, 'NoNewPrivs')).toBe('1');
    for (const space of ['user', 'pid', 'net']) {
      expect(readlinkSync(`/proc/${page}/ns/${space}`)).not.toBe(readlinkSync(`/proc/${shell}/ns/${space}`));
    }
  });

  it('is served by the host', async () => {
    expect(await isServed(app().page)).toBe(true);
  });

  describeWindow(app);
});
