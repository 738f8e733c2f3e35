/** Retort in a browser: `retort serve` and Debian's Chromium on a data folder of their own. */
import { accessSync, constants, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFailed, onTestFinished } from 'vitest';
import { buildApp, startLimitMs, stepLimitMs } from './build.ts';
import { Problems, tellPage } from './problems.ts';
import { startServing, temporaryHome, type ServeOptions, type Serving } from './serve.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** The program's path; null where this machine has none. */
export const chromiumPath: string | null = findProgram();
// What a developer's machine may lack, and then skips, fails in CI.
if (chromiumPath === null && process.env['CI']) throw new Error(`None of ${names.join(', ')} is installed.`);

function findProgram(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const files = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return files.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface ChromiumOptions extends ServeOptions {
  /** viewport, colorScheme, reducedMotion … */
  readonly context?: BrowserContextOptions;
}

export interface ChromiumApp {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly serving: Serving;
  /** Process id of the host. */
  readonly hostPid: number;
  readonly home: string;
  readonly problems: Problems;
  /** A window of its own in the same browser; its problems count too. It is empty: go to `await newLink()`. */
  readonly newPage: () => Promise<Page>;
  readonly newLink: () => Promise<string>;
  /** Starts Retort again on the same data folder, after it ended or by ending it, and opens it in the same page. */
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts both and opens the link. */
export async function startInChromium(options: ChromiumOptions = {}): Promise<ChromiumApp> {
  await buildApp();
  const home = options.home ?? temporaryHome();
  const serve = () => startServing({ ...options, home });
  let serving = await serve();
  const browser = await launchChromium();
  const problems = new Problems();
  // Each context is a window: pages of one are tabs, of which only the one in front is drawn.
  const newWindow = async () => {
    const window = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options.context });
    window.setDefaultTimeout(stepLimitMs);
    window.on('page', (page) => problems.watch(page));
    return window;
  };
  const context = await newWindow();
  const page = await context.newPage();
  await page.goto(await serving.newLink());
  return {
    page,
    context,
    get serving() {
      return serving;
    },
    get hostPid() {
      return serving.child.pid;
    },
    home,
    problems,
    newPage: async () => (await newWindow()).newPage(),
    newLink: () => serving.newLink(),
    async restart() {
      // As a person who leaves: the page asks a host that is gone for nothing.
      await page.goto('about:blank');
      await serving.close();
      serving = await serve();
      await page.goto(await serving.newLink());
    },
    async close() {
      await browser.close();
      await serving.close();
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
}

/** As root Chromium's own sandbox does not work; what it does is tested in e2e/sandboxed-user. */
export function launchChromium(): Promise<Browser> {
  if (chromiumPath === null) throw new Error('There is no Chromium here.');
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: chromiumPath, args: asRoot });
}

/** An app for the running test alone, which fails where its pages had a problem. */
export async function openInChromium(options: ChromiumOptions = {}): Promise<ChromiumApp> {
  const app = await startInChromium(options);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') await tellPage(app.page);
    await app.close();
    expect(app.problems.take()).toEqual([]);
  }, startLimitMs);
  return app;
}

/** One app for all tests of a file or describe; each fails where the pages had a problem in it. A function prepares what the app finds. */
export function useChromium(
  options: ChromiumOptions | (() => Promise<ChromiumOptions>) = {},
): () => ChromiumApp {
  let app: ChromiumApp | null = null;
  const current = () => {
    if (!app) throw new Error('The app is not started yet.');
    return app;
  };
  const start = async () => startInChromium(typeof options === 'function' ? await options() : options);
  beforeAll(async () => void (app = await start()), startLimitMs);
  beforeEach(() => onTestFailed(() => tellPage(current().page)));
  afterEach(() => expect(current().problems.take()).toEqual([]));
  afterAll(() => app?.close());
  return current;
}
