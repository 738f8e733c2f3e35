/** The host or the engine is killed at a random token while a reply grows; nothing that was acknowledged may be lost, doubled or changed. */
import { rmSync } from 'node:fs';
import { drain } from '../../electron/contract/rpc-client.ts';
import { longQuestion } from '../helpers/e2e/app-steps.ts';
import { integrityOnDisk, messagesOnDisk, type StoredMessage } from '../helpers/e2e/chats-on-disk.ts';
import { engineOf, engineProcesses, lossLimitMs, untilGone } from '../helpers/e2e/kills.ts';
import { temporaryHome } from '../helpers/e2e/serve.ts';
import { seededRandom } from '../helpers/seeded-random.ts';
import { serve, untilReady, type Served } from './served.ts';
import { writeState, type SoakState } from './state.ts';

export const wantedKills = 1000;
/** Then a new data folder: what is compared after each kill stays small. */
const killsPerHome = 100;
const firstSeed = 70_001;
const mostTokens = 150;

/** What was told to be on disk. */
export interface Acknowledged {
  readonly id: string;
  /** All of it, or of a reply that grows what stood there long enough ago. */
  readonly text: string;
  readonly isWhole: boolean;
}

/** What is lost, doubled or changed, as sentences. */
export function problemsOf(
  acknowledged: readonly Acknowledged[],
  stored: readonly StoredMessage[],
): string[] {
  return acknowledged.flatMap(({ id, text, isWhole }) => {
    const found = stored.filter((candidate) => candidate.id === id);
    const [message] = found;
    if (!message) return [`${id} is lost.`];
    if (found.length > 1) return [`${id} is there ${found.length} times.`];
    const isKept = isWhole ? message.text === text : message.text.startsWith(text);
    return isKept ? [] : [`${id} is changed: ${JSON.stringify(message.text.slice(0, 80))}`];
  });
}

const doneKills = ({ kills }: SoakState): number => kills.host + kills.engine;

/** Goes on until all kills are done or `isToEnd` says so. */
export async function runKills(state: SoakState, isToEnd: () => boolean): Promise<void> {
  while (doneKills(state) < wantedKills && !isToEnd()) {
    const lane = new Lane(state);
    try {
      await lane.run(Math.min(wantedKills, doneKills(state) + killsPerHome), isToEnd);
    } catch (error) {
      // A terminal's Ctrl-C ends the served Retort as well.
      if (!isToEnd()) throw error;
    } finally {
      await lane.end();
    }
  }
}

/** Kills in one data folder. */
class Lane {
  readonly #state: SoakState;
  readonly #home = temporaryHome();
  readonly #acknowledged: Acknowledged[] = [];
  #served: Served | null = null;

  constructor(state: SoakState) {
    this.#state = state;
  }

  async run(until: number, isToEnd: () => boolean): Promise<void> {
    while (doneKills(this.#state) < until && !isToEnd())
      await this.#cycle(firstSeed + doneKills(this.#state));
  }

  async end(): Promise<void> {
    await this.#served?.close();
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #cycle(seed: number): Promise<void> {
    const random = seededRandom(seed);
    const target = random() < 0.5 ? 'host' : 'engine';
    const token = 1 + Math.floor(random() * mostTokens);
    const before = this.#acknowledged.length;
    const served = await this.#ready();
    const engines = engineProcesses(served.pid);
    const { replyId, tokens, kept } = await this.#growReply(served, token);
    const killedAt = Date.now();
    await kill(served, target, engines);
    if (target === 'host') this.#served = null;
    // The host keeps in memory what an engine had written.
    this.#acknowledged.push(kept(target === 'host' ? killedAt - lossLimitMs : killedAt));
    if (target === 'host') await untilGone(engines);
    else await drain(served.page.followReply({ replyId, from: tokens }));
    await this.#ready();
    const restartMs = Date.now() - killedAt;
    const problems = this.#check(replyId);
    await this.#note({
      seed,
      target,
      tokens,
      restartMs,
      problems,
      acknowledged: this.#acknowledged.length - before,
    });
  }

  /** A Retort whose model can answer. */
  async #ready(): Promise<Served> {
    this.#served ??= await serve({ home: this.#home });
    await untilReady(this.#served.page, this.#served.bundled);
    return this.#served;
  }

  /** Returns when the reply has so many tokens, or has ended before. */
  async #growReply({ page, bundled }: Served, token: number) {
    const chat = await page.createChat({ title: `Kill ${doneKills(this.#state)}` });
    const sent = await page.send({
      chatId: chat.id,
      parentId: null,
      text: longQuestion,
      files: [],
      model: bundled,
    });
    this.#acknowledged.push({ id: sent.message.id, text: longQuestion, isWhole: true });
    const shown: { at: number; text: string }[] = [];
    let text = '';
    let tokens = 0;
    const { chunks, done } = page.followReply({ replyId: sent.reply.id, from: 0 });
    done.catch(() => undefined);
    let hasEnded = true;
    for await (const update of chunks) {
      text += update.tokens.map((each) => each.text).join('');
      tokens += update.tokens.length;
      shown.push({ at: Date.now(), text });
      hasEnded = tokens < token;
      if (!hasEnded) break;
    }
    const whole = hasEnded ? (await done).text : null;
    return {
      replyId: sent.reply.id,
      tokens,
      /** What of the reply may not be lost by an end now, when `since` is long enough ago. */
      kept: (since: number): Acknowledged =>
        whole === null
          ? { id: sent.reply.id, text: shown.findLast(({ at }) => at <= since)?.text ?? '', isWhole: false }
          : { id: sent.reply.id, text: whole, isWhole: true },
    };
  }

  #check(replyId: string): string[] {
    const stored = messagesOnDisk(this.#home);
    const problems = problemsOf(this.#acknowledged, stored);
    const integrity = integrityOnDisk(this.#home);
    if (integrity !== 'ok') problems.push(`The database is damaged: ${integrity}`);
    const state = stored.find(({ id }) => id === replyId)?.state;
    if (state === 'streaming') problems.push(`${replyId} still grows, says the database.`);
    return problems;
  }

  async #note(done: {
    seed: number;
    target: 'host' | 'engine';
    tokens: number;
    restartMs: number;
    problems: readonly string[];
    acknowledged: number;
  }): Promise<void> {
    const { kills } = this.#state;
    kills[done.target] += 1;
    kills.acknowledged += done.acknowledged;
    kills.tokens += done.tokens;
    kills.longestRestartMs = Math.max(kills.longestRestartMs, done.restartMs);
    kills.problems.push(...done.problems.map((problem) => `seed ${done.seed}: ${problem}`));
    await writeState(this.#state);
    console.log(
      `kill ${doneKills(this.#state)}: seed ${done.seed}, the ${done.target} past token ${done.tokens}, ready again after ${done.restartMs} ms, ` +
        `${done.problems.length} problems`,
    );
  }
}

async function kill(served: Served, target: 'host' | 'engine', engines: readonly number[]): Promise<void> {
  if (target === 'host') return served.kill();
  const engine = engineOf(served.pid);
  if (engine === undefined) throw new Error('A reply grows without an engine.');
  process.kill(engine, 'SIGKILL');
  await untilGone(engines.filter((pid) => pid === engine));
}
