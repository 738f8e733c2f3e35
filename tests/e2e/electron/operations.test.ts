/** What the shell does for its page: dialogs, files, links, the menu, the window's place. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Shell } from '../../../electron/contract/shell.ts';
import { root } from '../../helpers/e2e/build.ts';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import {
  electronPath,
  openInElectron,
  startInElectron,
  useElectron,
  type ElectronApp,
} from '../../helpers/e2e/electron.ts';
import { callFromPage } from '../../helpers/e2e/page-calls.ts';
import { temporaryHome } from '../../helpers/e2e/serve.ts';
import { eventually } from '../../helpers/eventually.ts';

type WithShell = { retort: Shell };

/** From now on save dialogs are answered with `filePath`, '' cancels; open dialogs with `filePaths`. */
function answerDialogs({ main }: ElectronApp, filePath: string, filePaths: string[] = []): Promise<void> {
  return main.evaluate(
    ({ dialog }, answer) => {
      dialog.showSaveDialog = () =>
        Promise.resolve({
          canceled: answer.filePath === '',
          filePath: answer.filePath,
        });
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: answer.filePaths });
      dialog.showMessageBox = () => Promise.resolve({ response: 0, checkboxChecked: false });
    },
    { filePath, filePaths },
  );
}

/** What a call of the page's shell comes to: its value, or its error's words. */
function askShell({ page }: ElectronApp, name: string, ...inputs: unknown[]): Promise<unknown> {
  return page.evaluate(
    ([operation, given]) => {
      const shell = (
        globalThis as unknown as { retort: Record<string, (...inputs: unknown[]) => Promise<unknown>> }
      ).retort;
      return shell[operation]?.(...given).catch((error: Error) => error.message);
    },
    [name, inputs] as const,
  );
}

describeWhere(electronPath !== null, 'the shell’s operations', () => {
  const app = useElectron();

  it('save a text whole under the chosen name', async () => {
    const file = join(app().home, 'chat.md');
    await answerDialogs(app(), file);
    expect(await askShell(app(), 'saveText', 'chat.md', '# Title ünï')).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('# Title ünï');
  });

  it('save a picture, and nothing else as one', async () => {
    const file = join(app().home, 'result.png');
    await answerDialogs(app(), file);
    const save = (bytes: number[]) =>
      app().page.evaluate((given) => {
        const { retort } = globalThis as unknown as WithShell;
        return retort.savePicture('result.png', new Uint8Array(given)).catch((error: Error) => error.message);
      }, bytes);
    const png = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3];
    expect(await save(png)).toBe(true);
    expect([...readFileSync(file)]).toEqual(png);
    expect(await save([1, 2, 3])).toBe('The call is not valid.');
  });

  it('save nothing where the person cancels', async () => {
    await answerDialogs(app(), '');
    expect(await askShell(app(), 'saveText', 'chat.md', 'x')).toBe(false);
  });

  it('say why a text could not be saved, and leave what was there', async () => {
    const folder = join(app().home, 'exports');
    mkdirSync(join(folder, 'taken.md'), { recursive: true });
    await answerDialogs(app(), join(folder, 'missing', 'chat.md'));
    expect(await askShell(app(), 'saveText', 'chat.md', 'x')).toMatch(/ENOENT/);
    await answerDialogs(app(), join(folder, 'taken.md'));
    expect(await askShell(app(), 'saveText', 'chat.md', 'x')).toMatch(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(folder)).toEqual(['taken.md']);
  });

  it('give grants for chosen models, which the host takes, and no path', async () => {
    const folder = join(app().home, 'models');
    mkdirSync(folder);
    await answerDialogs(app(), '', [folder]);
    const grant = (await askShell(app(), 'chooseModelFolder')) as string;
    expect(grant).toMatch(/^[a-z0-9-]{1,64}$/);
    const [added] = await callFromPage(app().page, [{ operation: 'addModelFolder', input: { grant } }]);
    expect(added).toMatchObject({ ok: true, value: { label: 'models', isPresent: true } });
    expect(JSON.stringify(added)).not.toContain(app().home);
    const [never] = await callFromPage(app().page, [
      { operation: 'addModelFolder', input: { grant: 'never-given' } },
    ]);
    expect(never?.error?.code).toBe('not-found');
  });

  it('give no grant for a file that the page made up', async () => {
    const outcome = await app().page.evaluate(() => {
      const { retort } = globalThis as unknown as WithShell;
      const forged = new File(['x'], '/etc/passwd');
      Object.defineProperty(forged, 'path', { value: '/etc/passwd' });
      const plain = { path: '/etc/passwd', name: 'passwd' } as unknown as File;
      return Promise.all(
        [forged, plain].map((file) => retort.grantDropped([file]).catch((error: Error) => error.message)),
      );
    });
    expect(outcome).toEqual(['The call is not valid.', 'The call is not valid.']);
  });

  it.each([
    ['saveText', [1, 2]],
    ['saveText', ['name', { text: 'x' }]],
    ['saveText', ['name']],
    ['saveText', ['', 'x']],
    ['savePicture', ['name', 'x']],
    ['grantDropped', [['/etc/passwd']]],
    ['grantDropped', [[null]]],
  ])('%s refuses %j', async (operation, inputs) => {
    expect(await askShell(app(), operation, ...inputs)).toMatch(
      /The call is not valid|Cannot|not a function|undefined/,
    );
  });

  it('answer no other page than the app’s, even in the app’s own process', async () => {
    const { main } = app();
    const preload = join(root, 'out/app/preload/preload.cjs');
    const outcome = await main.evaluate(async ({ BrowserWindow }, file) => {
      const foreign = new BrowserWindow({ show: false, webPreferences: { preload: file, sandbox: true } });
      // The navigation rules would lead it home.
      foreign.webContents.removeAllListeners('did-navigate');
      await foreign.loadURL('data:text/html,<title>foreign</title>');
      const asked = (await foreign.webContents.executeJavaScript(`(async () => {
        const ports = [];
        addEventListener('message', ({ data }) => ports.push(data));
        retort.connect(1);
        const said = await retort.openDataFolder().catch(({ message }) => message);
        await new Promise((resolve) => setTimeout(resolve, 500));
        return { said, ports };
      })()`)) as { said: string; ports: string[] };
      foreign.destroy();
      return asked;
    }, preload);
    expect(outcome).toEqual({ said: 'Only Retort’s own window may ask this.', ports: [] });
  });

  it('tell the page what the menu says', async () => {
    const { page, main } = app();
    await page.evaluate(() => {
      const heard: string[] = [];
      (globalThis as unknown as { heard: string[] }).heard = heard;
      (globalThis as unknown as WithShell).retort.onCommand((command) => heard.push(command));
    });
    await main.evaluate(({ Menu }) => {
      const click = (label: string) => {
        const all = Menu.getApplicationMenu()?.items.flatMap(({ submenu }) => submenu?.items ?? []) ?? [];
        all.find((item) => item.label === label)?.click();
      };
      click('Models');
      click('Chat');
    });
    const heard = () => page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard);
    await eventually(async () => expect(await heard()).toEqual(['go-models', 'go-chat']));
  });
});

describeWhere(electronPath !== null, 'links', () => {
  it.each([
    [0, ['https://example.com/a?b=c#d']],
    [1, []],
  ])(
    'answered with button %i open %j in the system’s browser, after the whole address was shown',
    async (response, expected) => {
      const { page, main } = await openInElectron();
      await main.evaluate(({ dialog, shell }, button) => {
        const seen = { shown: [] as string[], opened: [] as string[] };
        (globalThis as unknown as { seen: typeof seen }).seen = seen;
        dialog.showMessageBox = ((_window: unknown, options: { detail: string }) => {
          seen.shown.push(options.detail);
          return Promise.resolve({ response: button, checkboxChecked: false });
        }) as typeof dialog.showMessageBox;
        shell.openExternal = (address) => Promise.resolve(void seen.opened.push(address));
      }, response);
      await page.evaluate(() => {
        const link = document.createElement('a');
        link.href = 'https://example.com/a?b=c#d';
        link.target = '_blank';
        link.rel = 'noopener';
        link.click();
      });
      const seen = () =>
        main.evaluate(() => (globalThis as unknown as { seen: { shown: string[]; opened: string[] } }).seen);
      await eventually(async () => expect((await seen()).shown).toEqual(['https://example.com/a?b=c#d']));
      await eventually(async () => expect((await seen()).opened).toEqual(expected));
    },
  );
});

describeWhere(electronPath !== null, 'the window', () => {
  it('comes back where it was, and in the middle where its place is damaged', async () => {
    const home = temporaryHome();
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const bounds = { x: 150, y: 120, width: 1000, height: 700 };
    const read = ({ main }: ElectronApp) =>
      main.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getNormalBounds());
    const first = await startInElectron({ home });
    await first.main.evaluate(
      ({ BrowserWindow }, wanted) => BrowserWindow.getAllWindows()[0]?.setBounds(wanted),
      bounds,
    );
    await first.close();
    const second = await startInElectron({ home });
    expect(await read(second)).toEqual(bounds);
    await second.close();
    writeFileSync(join(home, 'shell', 'window.json'), '{"bounds":');
    const third = await startInElectron({ home });
    expect(await read(third)).toMatchObject({ width: 1280, height: 800 });
    await third.close();
  });

  it('has the background of the theme that was chosen before its page comes', async () => {
    const home = temporaryHome();
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    writeFileSync(join(home, 'settings.json'), JSON.stringify({ theme: 'dark' }));
    const app = await startInElectron({ home });
    const color = await app.main.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.getBackgroundColor(),
    );
    await app.close();
    expect(color?.toLowerCase()).toBe('#131517');
  });
});
