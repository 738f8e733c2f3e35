/** A session of the native engine: checks and conversions around the addon's, which computes on its own threads. */
import { basename } from 'node:path';
import { badFile, LabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../../models/families/model-spec.ts';
import type { CacheView, EvaluateInput, EvaluateResult, Session, WeightReads } from '../engine.ts';
import { checkedCount, checkedParents, checkedPositions, chosenRows } from '../evaluate-input.ts';
import { readSession, writeSession } from '../session-file.ts';
import {
  nativeAddon,
  toCodedError,
  withCodes,
  type NativeCacheView,
  type NativeEngine,
  type NativeEvaluateInput,
  type NativeEvaluateResult,
  type NativeKvCodec,
  type NativeRope,
  type NativeSession,
} from './addon.ts';
import { isTooSmall, type MemoryBudget, type Room } from './memory-budget.ts';
import { usualPartTokens } from './memory-estimate.ts';

/** What all sessions of an engine share. */
export interface NativeModel {
  readonly native: NativeEngine;
  readonly spec: ModelSpec;
  readonly kvCodec: NativeKvCodec;
  /** Null: the weights lie in no pack. */
  readonly budget: MemoryBudget | null;
  /** Of weights in a pack, since it was opened; sessions add to it. */
  readonly totals: { cacheHits: number; cacheMisses: number };
  /** Identity and arithmetic that a saved session must match, besides codec and context. */
  readonly identity: string;
  /** Written into saved sessions beside the signature. */
  readonly notes: Readonly<Record<string, string>>;
  ropes(context: number): readonly NativeRope[];
}

/** Throws bad-request for a context no cache can hold or the memory budget has no room for, and where the engine is closed. */
export async function createNativeSession(opened: NativeModel, context: number, kvCodec = opened.kvCodec): Promise<Session> {
  const model = { ...opened, kvCodec };
  const { budget } = model;
  const options = { context, kvCodec, ropes: model.ropes(context) };
  const { NativeSession } = nativeAddon();
  const native = withCodes(() => new NativeSession(model.native, options));
  const room = budget?.reserve(context, kvCodec) ?? null;
  try {
    await room?.ready;
  } catch (error) {
    native.close();
    throw error;
  }
  return new LoadedSession(model, context, native, room);
}

class LoadedSession implements Session {
  readonly context: number;
  readonly #model: NativeModel;
  readonly #native: NativeSession;
  /** Known here too, so that they can be asked for while the addon computes. */
  #length: number;
  #kvBytes: number;
  /** Its part of the memory budget; null: there is none, or it was given back. */
  #room: Room | null;

  constructor(model: NativeModel, context: number, native: NativeSession, room: Room | null) {
    this.#model = model;
    this.#room = room;
    this.context = context;
    this.#native = native;
    this.#length = native.length;
    this.#kvBytes = native.kvBytes;
  }

  get length(): number {
    return this.#length;
  }

  get kvBytes(): number {
    return this.#kvBytes;
  }

  async evaluate(input: EvaluateInput, signal?: AbortSignal): Promise<EvaluateResult> {
    throwIfAborted(signal);
    await this.#room?.ready;
    const native = this.#checked(input);
    const started = process.hrtime.bigint();
    const result = await this.#inParts(native, signal);
    this.#refresh();
    if (result.flash) this.#count(result.flash);
    return {
      logits: result.logits,
      rows: native.rows.length,
      timeNs: {
        evaluate: Number(process.hrtime.bigint() - started),
        attention: result.attentionNs,
        feedForward: result.feedForwardNs,
        head: result.headNs,
        other: result.otherNs,
      },
      bytesTouched: result.bytesTouched,
      ...(result.flash && { flash: result.flash }),
      ...(native.attention ? { attention: result.attention } : {}),
      ...(native.hidden ? { hidden: new Map(result.hidden.map((state) => [state.name, state])) } : {}),
    };
  }

  #count({ hits, misses }: WeightReads): void {
    const { totals } = this.#model;
    for (const count of hits) totals.cacheHits += count;
    for (const count of misses) totals.cacheMisses += count;
  }

  get promptTokens(): number {
    return this.#model.budget?.partTokens(this.context) ?? usualPartTokens;
  }

  /** A long prompt in larger parts where weights are read for each part. */
  async #inParts(input: NativeEvaluateInput, signal: AbortSignal | undefined): Promise<NativeEvaluateResult> {
    const { budget } = this.#model;
    const count = input.ids?.length ?? (input.embeddings?.length ?? 0) / this.#model.spec.embedding.size;
    const partTokens = budget?.partTokens(count) ?? usualPartTokens;
    if (budget === null || input.parents !== null || partTokens === usualPartTokens) return this.#compute(input, signal);
    const room = budget.reserveParts(partTokens);
    try {
      // Another session may have taken it meanwhile.
      const hasRoom = await room.ready.then(() => true, falseWhereTooSmall);
      return await this.#compute(hasRoom ? { ...input, partTokens } : input, signal);
    } finally {
      room.release();
    }
  }

  async #compute(
    input: NativeEvaluateInput,
    signal: AbortSignal | undefined,
  ): Promise<NativeEvaluateResult> {
    // Making room may have taken a while.
    throwIfAborted(signal);
    const cancel = () => this.#native.cancel();
    signal?.addEventListener('abort', cancel);
    try {
      return await this.#native.evaluate(input);
    } catch (error) {
      throw toCodedError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  #checked(input: EvaluateInput): NativeEvaluateInput {
    const { spec } = this.#model;
    const count = checkedCount(input, {
      vocabularySize: spec.vocabularySize,
      width: spec.embedding.size,
      length: this.#length,
      context: this.context,
    });
    return {
      ids: input.ids ?? null,
      embeddings: input.embeddings ?? null,
      positions: checkedPositions(input, count, this.#length, spec.embedding),
      parents: input.parents ? checkedParents(input.parents, count) : null,
      rows: chosenRows(input.rows, count),
      hidden: input.hidden ?? false,
      attention: input.attention ? nativeView(input.attention) : null,
    };
  }

  async cacheNorms(part: 'keys' | 'values', view: CacheView): Promise<readonly Float32Array[]> {
    try {
      return await this.#native.cacheNorms({ ...nativeView(view), part });
    } catch (error) {
      throw toCodedError(error);
    }
  }

  #refresh(): void {
    this.#length = this.#native.length;
    this.#kvBytes = this.#native.kvBytes;
  }

  rollback(count: number): void {
    this.truncate(this.#length - count);
  }

  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new LabError('bad-request', `Cannot keep ${length} of ${this.#length} positions.`);
    }
    withCodes(() => this.#native.truncate(length));
    this.#refresh();
  }

  fork(): Session {
    const { NativeSession } = nativeAddon();
    const native = withCodes(() => new NativeSession(this.#native));
    const room = this.#model.budget?.reserve(this.context, this.#model.kvCodec) ?? null;
    // What the budget refuses is thrown where the fork computes.
    room?.ready.catch(() => undefined);
    return new LoadedSession(this.#model, this.context, native, room);
  }

  async save(file: string, ids?: readonly number[]): Promise<void> {
    const state = withCodes(() => this.#native.save());
    const header = { signature: this.#signature, length: this.#length, notes: this.#model.notes, ids };
    await writeSession(file, header, [{ name: 'state', type: 'U8', shape: [state.length], data: state }]);
  }

  async restore(file: string): Promise<readonly number[] | null> {
    const { length, ids, tensors } = await readSession(file, this.#signature);
    const fault = (message: string) => badFile(message, { file: basename(file), field: 'state' });
    const state = tensors.get('state');
    if (!state) throw fault('missing');
    withCodes(() => this.#native.restore(new Uint8Array(state.bytes)));
    this.#refresh();
    if (this.#length !== length) throw fault(`holds ${this.#length} positions, expected ${length}`);
    return ids;
  }

  /** What must be equal for a saved session to go on: the model, settings and, since rope may depend on it, the context. */
  get #signature(): string {
    const { identity, kvCodec } = this.#model;
    return `${identity} ${kvCodec} context ${this.context}`;
  }

  close(): void {
    this.#native.close();
    this.#room?.release();
    this.#room = null;
    this.#length = 0;
    this.#kvBytes = 0;
  }
}

function nativeView(view: CacheView): NativeCacheView {
  if ('position' in view) return { position: view.position };
  return view.head === 'mean' ? {} : { head: view.head };
}

function falseWhereTooSmall(error: unknown): false {
  if (!isTooSmall(error)) throw error;
  return false;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LabError('cancelled', 'Cancelled.');
}
