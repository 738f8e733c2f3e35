/** The one session that a chat goes on in: of each prompt only what it does not hold already is read. */
import { basename } from 'node:path';
import type { CacheMeasure } from '../contract/held-cache.ts';
import { badFile, LabError, toLabError } from '../contract/errors.ts';
import type { CacheView, Engine, Session } from './engine.ts';
import {
  Generation,
  type Generated,
  type GenerateHooks,
  type GenerateRequest,
  type ReplySession,
} from './generate.ts';
import { createSampler } from './native/sampler.ts';
import type { TokenDecoder } from './text/decoder.ts';

export interface ConversationReply extends Generated {
  /** Of the prompt: what was held already. */
  readonly reusedTokens: number;
}

/** Replies and `forget` wait for each other; what it holds can be asked for at any time. */
export class Conversation {
  readonly #engine: Engine;
  readonly #decoder: TokenDecoder | null;
  #session: Session | null = null;
  /** The ids of the session's positions, but for a growing reply. */
  #held: readonly number[] = [];
  #reused = 0;
  #growing: Generation | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, decoder: TokenDecoder | null) {
    this.#engine = engine;
    this.#decoder = decoder;
  }

  get ids(): number[] {
    return this.#growing?.held() ?? [...this.#held];
  }

  /** Of what is held: what the latest turn found there. */
  get reusedTokens(): number {
    return Math.min(this.#reused, this.ids.length);
  }

  /** Positions that the session has room for; null: nothing is held. */
  get context(): number | null {
    return this.#session?.context ?? null;
  }

  get kvBytes(): number {
    return this.#session?.kvBytes ?? 0;
  }

  /**
   * One reply, as `generate` gives it, in a session with room for `context` positions. Throws also `bad-request` where the model holds
   * fewer, and at once `cancelled` where the signal fires before its turn. After a failure or a cancellation the session holds what was
   * computed until then, and goes on from there.
   */
  reply(context: number, request: GenerateRequest, hooks: GenerateHooks): Promise<ConversationReply> {
    return this.#inTurn(() => this.#reply(context, request, hooks), hooks.signal);
  }

  /** Frees what is held. */
  forget(): Promise<void> {
    return this.#inTurn(() => Promise.resolve(this.#close()));
  }

  /** Each layer's values, as the view asks. Throws bad-request where nothing is held, unsupported-feature where the engine cannot tell. */
  cacheRows(measure: CacheMeasure, view: CacheView): Promise<readonly Float32Array[]> {
    return this.#inTurn(() => this.#cacheRows(measure, view));
  }

  /** Writes what is held to a file, and returns how many tokens that is. Throws bad-request where nothing is held. */
  save(path: string): Promise<number> {
    return this.#inTurn(async () => {
      await this.#filled().save(path, this.#held);
      return this.#held.length;
    });
  }

  /** Puts a saved cache in place of what is held, which stays where that fails. Throws bad-file where the file has no ids. */
  restore(path: string, context: number): Promise<void> {
    return this.#inTurn(async () => {
      this.#check(context, 0);
      const session = await this.#engine.createSession({ context });
      try {
        const ids = await session.restore(path);
        if (!ids) throw badFile('missing', { file: basename(path), field: 'ids' });
        this.#close();
        this.#held = ids;
        this.#reused = ids.length;
        this.#session = session;
      } catch (error) {
        session.close();
        throw error;
      }
    });
  }

  /** Work while no reply grows. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(work);
  }

  /** With a signal the wait can be left; the next one still waits for the one before. */
  #inTurn<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const cancelled = new LabError('cancelled', 'Cancelled.');
    return new Promise<T>((resolve, reject) => {
      const leave = () => reject(cancelled);
      signal?.addEventListener('abort', leave, { once: true });
      const turn = this.#last.then(() => {
        signal?.removeEventListener('abort', leave);
        if (signal?.aborted) throw cancelled;
        return work();
      });
      turn.then(resolve, reject);
      this.#last = turn.catch(() => undefined);
    });
  }

  async #reply(context: number, request: GenerateRequest, hooks: GenerateHooks): Promise<ConversationReply> {
    this.#check(context, request.ids.length);
    const sampler = createSampler(request.sampling);
    const place = await this.#sessionFor(context, request.ids);
    const generation = new Generation(place, sampler, this.#decoder, request, hooks);
    this.#growing = generation;
    try {
      this.#reused = place.reused;
      return { ...(await generation.run()), reusedTokens: place.reused };
    } finally {
      this.#held = generation.held();
      this.#growing = null;
    }
  }

  #check(context: number, prompt: number): void {
    const { contextLength } = this.#engine.info;
    if (context > contextLength) {
      const message = `A context of ${context} tokens was asked for; the model holds ${contextLength}.`;
      throw new LabError('bad-request', message);
    }
    if (prompt > context) {
      throw new LabError('context-full', `The prompt has ${prompt} tokens; the context holds ${context}.`);
    }
  }

  /** A session that holds nothing but a beginning of `ids`, and not all of them: the last one's logits are drawn from. */
  async #sessionFor(context: number, ids: readonly number[]): Promise<ReplySession & { reused: number }> {
    if (this.#session?.context !== context) this.#close();
    this.#session ??= await this.#engine.createSession({ context });
    const session = this.#session;
    const common = Math.min(commonLength(this.#held, ids), ids.length - 1);
    const reused = goBack(session, common);
    this.#held = ids.slice(0, reused);
    return { session, reused };
  }

  #filled(): Session {
    if (this.#session && this.#held.length > 0) return this.#session;
    throw new LabError('bad-request', 'The conversation holds nothing.');
  }

  async #cacheRows(measure: CacheMeasure, view: CacheView): Promise<readonly Float32Array[]> {
    const session = this.#filled();
    if (!session.cacheNorms) {
      throw new LabError('unsupported-feature', 'This engine does not show what its cache holds.');
    }
    if (measure !== 'attention') return session.cacheNorms(measure === 'key-norm' ? 'keys' : 'values', view);
    // The step is taken again: the same bits come out, so that no reply has to keep its scores.
    const last = this.#held.slice(-1);
    try {
      session.rollback(1);
      const { attention = [] } = await session.evaluate({
        ids: Int32Array.from(last),
        rows: 'none',
        attention: view,
      });
      return attention;
    } finally {
      this.#held = this.#held.slice(0, session.length);
    }
  }

  #close(): void {
    this.#reused = 0;
    this.#session?.close();
    this.#session = null;
    this.#held = [];
  }
}

/** Keeps the first `length` positions where the session can, else none; returns how many. */
function goBack(session: Session, length: number): number {
  if (session.length === length) return length;
  try {
    session.truncate(length);
    return length;
  } catch (error) {
    // State-space layers have one state, not one of every position.
    if (toLabError(error).code !== 'unsupported-feature') throw error;
    session.truncate(0);
    return 0;
  }
}

function commonLength(left: readonly number[], right: readonly number[]): number {
  const most = Math.min(left.length, right.length);
  for (let i = 0; i < most; i++) if (left[i] !== right[i]) return i;
  return most;
}
