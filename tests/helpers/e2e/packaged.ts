/** The packaged app as a process of its own. No driver's debugger gets into its main process, so its page is reached by Chromium's own port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, errors, type Browser, type Page } from 'playwright-core';
import { stepLimitMs } from './build.ts';
import { startDisplay } from './display.ts';
import { electronEnvironment } from './electron.ts';
import { Problems } from './problems.ts';
import { temporaryHome } from './serve.ts';

export interface PackagedApp {
  readonly page: Page;
  readonly pid: number;
  readonly home: string;
  readonly problems: Problems;
  /** Everything it wrote. */
  words(): string;
  close(): Promise<void>;
}

const startLimitMs = 60_000;

/** Starts `program` and waits for its window. */
export async function startPackaged(
  program: string,
  options: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<PackagedApp> {
  const display = await startDisplay();
  if (!display) throw new Error('There is no display here.');
  const home = temporaryHome();
  // Root cannot have Chromium's own sandbox.
  const args = ['--no-sandbox', '--remote-debugging-port=0', ...(options.args ?? [])];
  const child = spawn(program, args, {
    env: electronEnvironment(home, display, options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (words += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  const end = async () => {
    child.kill();
    await ended;
    display.close();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const page = await pageOf(child, () => words);
    const problems = new Problems();
    problems.watch(page);
    return { page, pid: child.pid ?? 0, home, problems, words: () => words, close: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function pageOf(child: ChildProcess, words: () => string): Promise<Page> {
  const address = await until(child, words, () => /^DevTools listening on (ws:\S+)$/m.exec(words())?.[1]);
  const browser = await reach(address);
  const page = await until(child, words, () => browser.contexts()[0]?.pages()[0]);
  page.setDefaultTimeout(stepLimitMs);
  return page;
}

const reachLimitMs = 20_000;

/** At times this old Electron does not answer the driver (tests/helpers/e2e/electron.ts): then it is asked once more. */
async function reach(address: string): Promise<Browser> {
  // It knows none of the defaults that a driver sets in a browser of its own.
  const connect = () => chromium.connectOverCDP(address, { noDefaults: true, timeout: reachLimitMs });
  try {
    return await connect();
  } catch (error) {
    if (!(error instanceof errors.TimeoutError)) throw error;
    console.warn('The driver did not reach the packaged app within 20 s: it is asked once more.');
    return connect();
  }
}

/** The first value that is there. */
async function until<T>(child: ChildProcess, words: () => string, look: () => T | undefined): Promise<T> {
  for (const end = performance.now() + startLimitMs; performance.now() < end; await sleep(50)) {
    const value = look();
    if (value !== undefined) return value;
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  throw new Error(`No window came: ${words()}`);
}

/** The program that a process runs. */
export const programOf = (pid: number): string => readlinkSync(`/proc/${pid}/exe`);
