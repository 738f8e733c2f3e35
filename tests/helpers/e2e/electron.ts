/** Retort in a real Electron, the older one that scripts/test-electron.mjs makes, on a data folder and a display of its own. */
import { readFileSync, rmSync } from 'node:fs';
import { _electron, errors, type ElectronApplication, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFailed, onTestFinished } from 'vitest';
import { childrenOf } from '../cli.ts';
import { runCommand } from '../project-copy.ts';
import { buildApp, root, startLimitMs, stepLimitMs } from './build.ts';
import { startDisplay, type Display } from './display.ts';
import { otherUser } from './other-user.ts';
import { Problems, tellPage } from './problems.ts';
import { environmentFor, temporaryHome } from './serve.ts';

const made = await runCommand(process.execPath, ['scripts/test-electron.mjs'], { cwd: root });
const probe = await startDisplay();
probe?.close();
/** The program's path; null where this machine cannot have it. */
export const electronPath: string | null = made.code === 0 && probe ? made.stdout.trim() : null;
// What a developer's machine may lack, and then skips, fails in CI.
if (electronPath === null && process.env['CI']) throw new Error(probe ? made.stderr : 'Xvfb does not run.');

export interface ElectronOptions {
  /** Data folder; default: a temporary one, deleted at the end. */
  readonly home?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Runs it as a user who is not root, with Chromium's own sandbox on. */
  readonly asOtherUser?: boolean;
}

export interface ElectronApp {
  readonly page: Page;
  /** The main process, to evaluate in. */
  readonly main: ElectronApplication;
  readonly home: string;
  readonly problems: Problems;
  /** The environment it was started with. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts the shell and waits for its window. */
export async function startInElectron(options: ElectronOptions = {}): Promise<ElectronApp> {
  await buildApp();
  const display = await startDisplay();
  if (electronPath === null || !display) throw new Error('There is no Electron or no display here.');
  const home = options.home ?? temporaryHome();
  const env = electronEnvironment(home, display, options.env);
  const { main } = await launch(launchOptions(electronPath, home, env, options.asOtherUser ?? false));
  const page = await firstWindow(main);
  const problems = new Problems();
  problems.watch(page);
  page.setDefaultTimeout(stepLimitMs);
  return {
    page,
    main,
    home,
    problems,
    env,
    async close() {
      await main.close();
      display.close();
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
}

const launchLimitMs = 30_000;

type LaunchOptions = Parameters<typeof _electron.launch>[0];

interface Launched {
  readonly main: ElectronApplication;
  /** When its process was started, in milliseconds since 1970. */
  readonly startedAt: number;
}

/**
 * The driver at times never reaches this old Electron's debugger (2 of 90 starts beside other work, the app itself running; 120 of 120
 * starts without the driver showed their window): then it is started once more. A window that does not come is never tried again.
 */
export async function launch(options: LaunchOptions): Promise<Launched> {
  try {
    return await launchOnce(options);
  } catch (error) {
    if (!(error instanceof errors.TimeoutError)) throw error;
    console.warn('The driver did not reach Electron within 30 s: it is started once more.');
    return launchOnce(options);
  }
}

async function launchOnce(options: LaunchOptions): Promise<Launched> {
  const startedAt = Date.now();
  return { main: await _electron.launch({ ...options, timeout: launchLimitMs }), startedAt };
}

function launchOptions(program: string, home: string, env: Record<string, string>, asOtherUser: boolean) {
  if (!asOtherUser) return { executablePath: program, args: [root], env };
  const other = otherUser(home, program);
  return {
    executablePath: other.program,
    args: [other.root],
    env: { ...env, RETORT_HOST_NODE: other.pathOf(process.execPath) },
    chromiumSandbox: true,
  };
}

const windowLimitMs = 60_000;

/** A shell that shows something else, such as why it cannot start, is ended. */
async function firstWindow(main: ElectronApplication): Promise<Page> {
  let words = '';
  main.process().stderr?.on('data', (text: Buffer) => (words += text.toString()));
  const timer = setTimeout(() => main.process().kill('SIGKILL'), windowLimitMs);
  try {
    return await main.firstWindow({ timeout: windowLimitMs });
  } catch (error) {
    throw new Error(`No window came: ${words}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

export function electronEnvironment(
  home: string,
  display: Display,
  extra: NodeJS.ProcessEnv = {},
): Record<string, string> {
  const env = environmentFor(home, { RETORT_HOST_NODE: process.execPath, DISPLAY: display.name, ...extra });
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** An app for the running test alone, which fails where its page had a problem. */
export async function openInElectron(options: ElectronOptions = {}): Promise<ElectronApp> {
  const app = await startInElectron(options);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') await tellPage(app.page);
    await app.close();
    expect(app.problems.take()).toEqual([]);
  });
  return app;
}

/** One app for all tests of a file or describe; each fails where the page had a problem in it. */
export function useElectron(options: ElectronOptions = {}): () => ElectronApp {
  let app: ElectronApp | null = null;
  const current = () => {
    if (!app) throw new Error('The app is not started yet.');
    return app;
  };
  beforeAll(async () => void (app = await startInElectron(options)), startLimitMs);
  beforeEach(() => onTestFailed(() => tellPage(current().page)));
  afterEach(() => expect(current().problems.take()).toEqual([]));
  afterAll(() => app?.close());
  return current;
}

/** Process id of the host, a child of the main process. */
export function hostPid({ main }: ElectronApp): number | undefined {
  return childrenOf(main.process().pid ?? 0).find((pid) => commandOf(pid).includes('host-process.mjs'));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
