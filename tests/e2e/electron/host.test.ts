/** The host's process, its ports and the app's whole life. */
import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { badCalls } from '../../helpers/bad-calls.ts';
import { childrenOf } from '../../helpers/cli.ts';
import { root } from '../../helpers/e2e/build.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { electronPath, hostPid, openInElectron, type ElectronApp } from '../../helpers/e2e/electron.ts';
import { callFromPage, isServed } from '../../helpers/e2e/page-calls.ts';
import { temporaryHome } from '../../helpers/e2e/serve.ts';
import { eventually } from '../../helpers/eventually.ts';
import { isAlive } from '../../helpers/test-host.ts';

const limitMs = 120_000;

/** Window messages of the shell from now on. */
async function shellMessages({ page }: ElectronApp): Promise<() => Promise<string[]>> {
  type Seen = { seen: string[] };
  await page.evaluate(() => {
    const seen: string[] = [];
    (globalThis as unknown as Seen).seen = seen;
    window.addEventListener('message', ({ data }) => seen.push(String(data)));
  });
  return () => page.evaluate(() => (globalThis as unknown as Seen).seen);
}

const drawn = ({ page }: ElectronApp) => page.locator('#root > *').first().waitFor();

describeWhere(electronPath !== null, 'the host of the app in Electron', () => {
  it(
    'refuses more than 200 bad calls of the page and goes on serving it',
    async () => {
      const { page } = await openInElectron();
      expect(badCalls.length).toBeGreaterThanOrEqual(200);
      const replies = await callFromPage(page, badCalls);
      const wrong = badCalls.filter((_, index) => replies[index]?.error?.code !== 'bad-request');
      expect(wrong.map(({ what }) => what)).toEqual([]);
      const [tooLong] = await callFromPage(page, [
        { operation: 'importChat', input: { textOfLength: 100_000_000 } },
      ]);
      expect(tooLong?.error?.message).toMatch(/larger than/);
      expect(await isServed(page)).toBe(true);
    },
    limitMs,
  );

  it(
    'gives a reloaded page a port of its own',
    async () => {
      const app = await openInElectron();
      await drawn(app);
      const host = hostPid(app);
      for (let time = 0; time < 3; time++) {
        await app.page.reload();
        await drawn(app);
      }
      expect(await isServed(app.page)).toBe(true);
      expect(hostPid(app)).toBe(host);
    },
    limitMs,
  );

  it(
    'closes a page’s port when the page asks for another',
    async () => {
      const { page } = await openInElectron();
      const heard = await page.evaluate(async () => {
        const next = (request: number) =>
          new Promise<MessagePort>((resolve) => {
            window.addEventListener('message', function receive({ data, ports: [port] }) {
              if (data !== `retort:port ${request}` || !port) return;
              window.removeEventListener('message', receive);
              resolve(port);
            });
            (window as unknown as { retort: { connect(request: number): void } }).retort.connect(request);
          });
        const first = await next(1_000_001);
        await next(1_000_002);
        return new Promise<string>((resolve) => {
          first.onmessage = () => resolve('answered');
          first.postMessage({ type: 'call', id: 1, operation: 'listModelFolders', input: {} });
          setTimeout(() => resolve('silent'), 1000);
        });
      });
      expect(heard).toBe('silent');
    },
    limitMs,
  );

  it(
    'serves a page whose own arrival is told after its first words',
    async () => {
      const app = await openInElectron();
      await drawn(app);
      const messages = await shellMessages(app);
      await app.main.evaluate(({ BrowserWindow }) => {
        const contents = BrowserWindow.getAllWindows()[0]?.webContents;
        contents?.emit('did-navigate', {}, contents.getURL());
      });
      await eventually(async () => expect(await messages()).toEqual(['retort:port-closed', 'retort:port 2']));
      await app.page.getByRole('list', { name: 'Examples' }).waitFor();
    },
    limitMs,
  );

  it(
    'killed, is started again, and the page is told and joins again',
    async () => {
      const app = await openInElectron();
      await drawn(app);
      const messages = await shellMessages(app);
      const killed = hostPid(app) ?? 0;
      process.kill(killed, 'SIGKILL');
      await eventually(async () => expect(await messages()).toEqual(['retort:port-closed', 'retort:port 2']));
      await eventually(() => expect(hostPid(app)).toBeGreaterThan(0));
      expect(hostPid(app)).not.toBe(killed);
      expect(await isServed(app.page)).toBe(true);
    },
    limitMs,
  );

  it(
    'killed twice within ten seconds, is started again when a person says so',
    async () => {
      const app = await openInElectron();
      await drawn(app);
      await app.main.evaluate(({ dialog }) => {
        const asked: string[] = [];
        (globalThis as unknown as { asked: string[] }).asked = asked;
        dialog.showMessageBox = ((options: { message: string }) => {
          asked.push(options.message);
          return Promise.resolve({ response: 0, checkboxChecked: false });
        }) as typeof dialog.showMessageBox;
      });
      const asked = () => app.main.evaluate(() => (globalThis as unknown as { asked: string[] }).asked);
      const first = hostPid(app) ?? 0;
      process.kill(first, 'SIGKILL');
      const second = await eventually(() => {
        const pid = hostPid(app);
        expect(pid).toBeGreaterThan(0);
        expect(pid).not.toBe(first);
        return pid ?? 0;
      });
      expect(await asked()).toEqual([]);
      process.kill(second, 'SIGKILL');
      await eventually(async () =>
        expect(await asked()).toEqual([
          'Retort’s services ended twice within a few seconds (signal SIGKILL).',
        ]),
      );
      await eventually(async () => expect(await isServed(app.page)).toBe(true));
    },
    limitMs,
  );

  it(
    'a page that crashes is loaded again',
    async () => {
      const app = await openInElectron();
      await drawn(app);
      app.problems.expect(/the page crashed/);
      const state = () =>
        app.main.evaluate(({ BrowserWindow }) => {
          const contents = BrowserWindow.getAllWindows()[0]?.webContents;
          return { isCrashed: contents?.isCrashed(), process: contents?.getOSProcessId() ?? 0 };
        });
      const before = await state();
      await app.main.evaluate(({ BrowserWindow }) =>
        BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer(),
      );
      // What the new process shows cannot be seen from here: it waits for a debugger that gave it up.
      await eventually(async () => {
        const after = await state();
        expect(after.isCrashed).toBe(false);
        expect(after.process).toBeGreaterThan(0);
        expect(after.process).not.toBe(before.process);
      });
    },
    limitMs,
  );

  it(
    'ends with the app, and leaves no process',
    async () => {
      const home = temporaryHome();
      const app = await openInElectron({ home });
      await drawn(app);
      const host = hostPid(app) ?? 0;
      const engines = childrenOf(host);
      await app.close();
      expect([host, ...engines].filter(isAlive)).toEqual([]);
    },
    limitMs,
  );
});

describeWhere(electronPath !== null, 'two starts on one data folder', () => {
  it(
    'the second brings the first to the front and ends',
    async () => {
      const app = await openInElectron();
      await drawn(app);
      await app.main.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide());
      const second = spawn(
        electronPath ?? '',
        [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), root],
        {
          env: { ...app.env },
          stdio: 'ignore',
        },
      );
      expect(await new Promise((resolve) => second.on('exit', resolve))).toBe(0);
      const isVisible = () =>
        app.main.evaluate(({ BrowserWindow }) =>
          BrowserWindow.getAllWindows().map((window) => window.isVisible()),
        );
      await eventually(async () => expect(await isVisible()).toEqual([true]));
      expect(await isServed(app.page)).toBe(true);
    },
    limitMs,
  );
});
