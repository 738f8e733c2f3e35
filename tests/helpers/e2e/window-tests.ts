/** What a window of the app may not do, tried in the running app by whoever started it. */
import { expect, it } from 'vitest';
import { contentSecurityPolicy } from '../../../electron/contract/page-files.ts';
import type { ElectronApp } from './electron.ts';
import { policyBreaches } from './policy-breaches.ts';

/** What the console says where the policy forbade something. */
export const blocked =
  /Content Security Policy|Content-Security-Policy|Refused to|Not allowed to|ERR_BLOCKED|ERR_FAILED|Failed to load/;

export function describeWindow(app: () => ElectronApp): void {
  it('has every protection on, by its effective values', async () => {
    const effective = await app().main.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      type Contents = Electron.WebContents & { getLastWebPreferences(): Record<string, unknown> };
      const contents = window?.webContents as Contents;
      return {
        preferences: contents.getLastWebPreferences(),
        spellcheck: contents.session.isSpellCheckerEnabled(),
      };
    });
    const { preferences, spellcheck } = effective;
    expect(preferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
    });
    const unsafe = [
      'nodeIntegrationInSubFrames',
      'nodeIntegrationInWorker',
      'allowRunningInsecureContent',
      'experimentalFeatures',
      'enableBlinkFeatures',
    ];
    expect(unsafe.filter((name) => Boolean(preferences[name]))).toEqual([]);
    expect(spellcheck).toBe(false);
  });

  it('gives the page the shell’s few operations and nothing of Node or Electron', async () => {
    const seen = await app().page.evaluate(() => ({
      node: ['require', 'process', 'module', 'Buffer', 'global', 'ipcRenderer', 'electron'].filter(
        (name) => name in globalThis,
      ),
      shell: Object.keys((globalThis as unknown as { retort: object }).retort).sort(),
      origin: location.origin,
    }));
    expect(seen).toEqual({
      node: [],
      shell: [
        'chooseModelFolder', 'chooseModels', 'connect', 'grantDropped', 'onCommand', 'openDataFolder', 'platform',
        'savePicture', 'saveText',
      ],
      origin: 'app://retort',
    }); // prettier-ignore
  });

  it('gets its pages with the content security policy, and no file from outside them', async () => {
    const { page } = app();
    app().problems.expect(/404/);
    app().problems.expect(blocked);
    const seen = await page.evaluate(async () => {
      const index = await fetch('/');
      const outside = await Promise.all(
        [
          '/../main/main.cjs',
          '/%2e%2e/main/main.cjs',
          '/..%2fmain%2fmain.cjs',
          '//main/main.cjs',
          '/.built-from',
        ].map((path) =>
          fetch(path).then(
            ({ status }) => status,
            () => 'refused',
          ),
        ),
      );
      return {
        policy: index.headers.get('content-security-policy'),
        sniff: index.headers.get('x-content-type-options'),
        outside,
      };
    });
    expect(seen.policy).toBe(contentSecurityPolicy);
    expect(seen.sniff).toBe('nosniff');
    expect(seen.outside.every((status) => status === 404 || status === 'refused')).toBe(true);
  });

  it.each(policyBreaches)('does not let the page %s', async (_what, breach) => {
    const { page, problems } = app();
    problems.expect(blocked);
    expect(await page.evaluate(breach)).toBe('blocked');
  });
}
