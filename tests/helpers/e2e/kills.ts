/** For tests that end processes of Retort while a reply is written: what the page showed, and when. */
/// <reference lib="dom" />
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { childrenOf, isRunning } from '../cli.ts';
import { seededRandom } from '../seeded-random.ts';
import { isForWeights } from '../test-host.ts';
import { root } from './build.ts';

interface Shown {
  /** Date.now() when the page first showed it. */
  readonly at: number;
  readonly text: string;
}

const lookMs = 20;

/** From now on the page remembers what its last reply said, and when. */
export async function watchReply(page: Page): Promise<void> {
  await page.evaluate((intervalMs) => {
    const shown: Shown[] = [];
    Object.assign(globalThis, { shown });
    setInterval(() => {
      const reply = [...document.querySelectorAll('article[aria-label=Reply]')].at(-1);
      const text = reply?.querySelector('[dir=auto]')?.textContent ?? '';
      if (text !== shown.at(-1)?.text) shown.push({ at: Date.now(), text });
    }, intervalMs);
  }, lookMs);
}

/** What the last reply said in the page at that time. */
export async function shownAt(page: Page, time: number): Promise<string> {
  const shown = await page.evaluate(() => (globalThis as unknown as { shown: Shown[] }).shown);
  return shown.findLast(({ at }) => at <= time)?.text ?? '';
}

/** Waits until the page showed something of the reply so long ago that it may not be lost. */
export async function untilSomethingCounts(page: Page): Promise<void> {
  while ((await shownAt(page, Date.now() - lossLimitMs)) === '') await wait(50);
}

/** What may be lost at most: what the page showed longer ago than this is on disk. */
export const lossLimitMs = 1000;

/** Process ids of the host's engines, with weights and without. */
export const engineProcesses = (hostPid: number): number[] => childrenOf(hostPid);

const goneLimitMs = 5000;

/** Resolves when none of the processes is there any more, with how long that took; throws after five seconds. */
export async function untilGone(pids: readonly number[]): Promise<number> {
  const start = performance.now();
  while (pids.some(isRunning)) {
    if (performance.now() - start > goneLimitMs)
      throw new Error(`Processes are left: ${pids.filter(isRunning).join(', ')}`);
    await wait(50);
  }
  return Math.round(performance.now() - start);
}

/** Process id of the engine that holds weights; undefined: there is none. */
export const engineOf = (hostPid: number): number | undefined => childrenOf(hostPid).find(isForWeights);

export interface KillPlan {
  readonly seed: number;
  /** How many tokens the reply has when the process is ended. */
  readonly token: number;
}

/** Far enough into a reply that the page showed something a second before, and before it ends. */
export function killPlans(firstSeed: number, count: number): KillPlan[] {
  return Array.from({ length: count }, (_, index) => {
    const seed = firstSeed + index;
    return { seed, token: 70 + Math.floor(seededRandom(seed)() * 110) };
  });
}

const logFile = join(root, '.cache', 'kill-log.txt');
const begun = new Set<string>();
const quotedLength = 40;

/** One line in the test's output and in the log of kills, where the lines of the suite's last run make room. */
export function logKill(suite: string, { seed, token }: KillPlan, shown: string, outcome: string): void {
  const quoted = JSON.stringify(shown.slice(-quotedLength));
  const line = `${suite}: seed ${seed}, killed past token ${token}, the page showed …${quoted}; ${outcome}`;
  console.log(line);
  if (!begun.has(suite)) beginLog(suite);
  appendFileSync(logFile, `${line}\n`);
}

function beginLog(suite: string): void {
  begun.add(suite);
  mkdirSync(dirname(logFile), { recursive: true });
  const before = existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').filter(Boolean) : [];
  const others = before.filter((line) => !line.startsWith(`${suite}: `));
  writeFileSync(logFile, others.map((line) => `${line}\n`).join(''));
}
