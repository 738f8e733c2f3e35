/** What pages may not do, tried from inside the page of the running app. */
import { expect, it } from 'vitest';
import { describeWhere } from '../../helpers/e2e/describe-where.ts';
import { electronPath, useElectron } from '../../helpers/e2e/electron.ts';
import { eventually } from '../../helpers/eventually.ts';
import { navigations } from '../../helpers/e2e/navigations.ts';
import { blocked, describeWindow } from '../../helpers/e2e/window-tests.ts';

describeWhere(electronPath !== null, 'the window in Electron', () => {
  describeWindow(useElectron());
});

describeWhere(electronPath !== null, 'navigation in Electron', () => {
  const app = useElectron();

  it('every way out is closed: the page stays, no window opens, nothing is asked for but https', async () => {
    const { page, main, problems } = app();
    problems.expect(blocked);
    await main.evaluate(({ dialog, shell }) => {
      const seen = { asked: [] as string[], opened: [] as string[] };
      (globalThis as unknown as { seen: typeof seen }).seen = seen;
      dialog.showMessageBox = ((_window: unknown, options: { detail: string }) => {
        seen.asked.push(options.detail);
        return Promise.resolve({ response: 1, checkboxChecked: false });
      }) as typeof dialog.showMessageBox;
      shell.openExternal = (address) => Promise.resolve(void seen.opened.push(address));
    });
    expect(navigations.length).toBeGreaterThanOrEqual(30);
    await page.evaluate(() => ((globalThis as unknown as { stays: boolean }).stays = true));
    const left: string[] = [];
    for (const [what, navigate] of navigations) {
      await page.evaluate(navigate).catch(() => undefined);
      await page.waitForTimeout(50);
      const stays = await page
        .evaluate(() => (globalThis as unknown as { stays?: boolean }).stays === true)
        .catch(() => false);
      const windows = await main.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length);
      if (!stays || windows !== 1 || !page.url().startsWith('app://retort/')) left.push(what);
    }
    expect(left).toEqual([]);
    const seen = await main.evaluate(
      () => (globalThis as unknown as { seen: { asked: string[]; opened: string[] } }).seen,
    );
    expect(seen.opened).toEqual([]);
    expect(seen.asked.length).toBeGreaterThan(0);
    expect(seen.asked.filter((address) => !address.startsWith('https://example.com/'))).toEqual([]);
  });

  it('about:blank, which asks nobody, gives way to the app at once', async () => {
    const { page } = app();
    await page.evaluate(() => (location.href = 'about:blank')).catch(() => undefined);
    await page.waitForURL('app://retort/');
    await page.locator('#root > *').first().waitFor();
  });

  it('the developer tools stay what they are', async () => {
    const addresses = () =>
      app().main.evaluate(({ webContents }) =>
        webContents.getAllWebContents().map((contents) => contents.getURL()),
      );
    await app().main.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.openDevTools({ mode: 'detach' }),
    );
    await eventually(async () =>
      expect((await addresses()).filter((address) => address.startsWith('devtools://'))).toHaveLength(1),
    );
    await app().page.waitForTimeout(500);
    expect((await addresses()).filter((address) => address.startsWith('devtools://'))).toHaveLength(1);
    await app().main.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.closeDevTools(),
    );
  });

  it('a link dropped on the page leads nowhere', async () => {
    const { page } = app();
    const session = await page.context().newCDPSession(page);
    const data = {
      items: [{ mimeType: 'text/uri-list', data: 'https://example.com/' }],
      dragOperationsMask: 1,
    };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await session.send('Input.dispatchDragEvent', { type, x: 400, y: 300, data });
    }
    await page.waitForTimeout(200);
    expect(page.url()).toMatch(/^app:\/\/retort\//);
  });
});

describeWhere(electronPath !== null, 'permissions in Electron', () => {
  const app = useElectron();

  it('are all denied but writing text to the clipboard', async () => {
    const { page } = app();
    const states = await page.evaluate(async () => {
      const names = ['camera', 'microphone', 'geolocation', 'notifications', 'clipboard-read', 'clipboard-write', 'midi', 'background-sync',
        'accelerometer', 'gyroscope', 'magnetometer', 'persistent-storage', 'screen-wake-lock', 'idle-detection', 'display-capture'];
      const ask = (name: string) =>
        navigator.permissions.query({ name: name as PermissionName }).then(({ state }) => state, () => 'unknown');
      return Promise.all(names.map(async (name): Promise<[string, string]> => [name, await ask(name)]));
    }); // prettier-ignore
    const granted = states.filter(([, state]) => state === 'granted').map(([name]) => name);
    expect(granted).toEqual(['clipboard-write']);
  });

  it.each([
    ['camera', () => navigator.mediaDevices.getUserMedia({ video: true })],
    ['microphone', () => navigator.mediaDevices.getUserMedia({ audio: true })],
    ['screen', () => navigator.mediaDevices.getDisplayMedia({ video: true })],
    ['place', () => new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject))],
    ['clipboard', () => navigator.clipboard.readText()],
    ['MIDI', () => navigator.requestMIDIAccess({ sysex: true })],
    ['USB', () => (navigator as unknown as { usb: { requestDevice(o: object): Promise<unknown> } }).usb.requestDevice({ filters: [] })],
    ['HID', () => (navigator as unknown as { hid: { requestDevice(o: object): Promise<unknown[]> } }).hid.requestDevice({ filters: [] }).then((devices) => devices.length > 0 ? devices : Promise.reject(new Error('none')))],
    ['serial port', () => (navigator as unknown as { serial: { requestPort(): Promise<unknown> } }).serial.requestPort()],
    ['bluetooth', () => (navigator as unknown as { bluetooth: { requestDevice(o: object): Promise<unknown> } }).bluetooth.requestDevice({ acceptAllDevices: true })],
    ['notification', () => Notification.requestPermission().then((state) => (state === 'granted' ? state : Promise.reject(new Error(state))))],
    ['whole screen', () => document.documentElement.requestFullscreen()],
  ])('the %s is not to be had', async (_what, ask) => {
    const source = `Promise.race([
      (async () => (${ask.toString()})())().then(() => 'given', () => 'denied'),
      new Promise((resolve) => setTimeout(() => resolve('denied'), 2000)),
    ])`;
    expect(await app().page.evaluate(source)).toBe('denied');
  }); // prettier-ignore

  it('text is written to the clipboard', async () => {
    const { page, main } = app();
    await page.bringToFront();
    const outcome = await page.evaluate(() =>
      navigator.clipboard.writeText('from the page').then(() => 'written', String),
    );
    expect(outcome).toBe('written');
    const read = () => main.evaluate(({ clipboard }) => clipboard.readText());
    await eventually(async () => expect(await read()).toBe('from the page'));
  });
});
