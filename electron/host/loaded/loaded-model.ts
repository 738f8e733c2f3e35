/** The one model that chats use: it loads, is ready, or failed; replies borrow it one after the other. */
import type { ModelSummary } from '../../contract/model-summary.ts';
import type { KvCodec, ModelInfo } from '../../contract/open-model.ts';
import type { Progress } from '../../contract/progress.ts';
import type { FlashReading, Streaming } from '../../contract/streaming.ts';
import { LabError, toLabError, type ErrorCode } from '../../contract/errors.ts';
import type { LoadState, MemoryBudget } from '../../contract/machine.ts';
import type { EngineProcess } from '../engines/engine-starter.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from '../work/cancellation.ts';
import { openInProcess } from '../work/open-model.ts';
import { engineBudget, heldBytes, type EngineBudget, type FreeMemory } from './memory-budget.ts';
import { watchEngine } from './watchdog.ts';

/** A model and how it is to be loaded. */
export interface Wanted {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  /** Null: the smaller of `usualContext` and the model's own. */
  readonly context: number | null;
  readonly kvCodec: KvCodec | null;
  /** Null: all cores. */
  readonly threads: number | null;
  /** Null: Retort's choice. */
  readonly memoryBudget: MemoryBudget | null;
}

export interface ReadyModel {
  readonly wanted: Wanted;
  readonly process: EngineProcess;
  readonly info: ModelInfo;
  readonly context: number;
}

interface Current {
  /** With the budget as it was changed since. */
  wanted: Wanted;
  readonly process: EngineProcess;
  readonly cancel: AbortController;
  readonly opening: Promise<ReadyModel>;
}

export const usualContext = 8192;
/** Below this a smaller context would not help. */
const smallestContext = 512;
const crashWindowMs = 10 * 60_000;
const progressEveryMs = 100;
const loadQuietMs = 30_000;
/** What no second try of the same model mends. */
const ownFaults: readonly ErrorCode[] = [
  'not-found', 'file-unreadable', 'bad-file', 'outside-folder', 'unsupported-format', 'unsupported-architecture',
  'unsupported-type', 'unsupported-operator', 'unsupported-feature',
]; // prettier-ignore

type Shared = Pick<Services, 'starter' | 'engines' | 'text' | 'events' | 'notices' | 'jobs' | 'caches'> &
  FreeMemory;

export class LoadedModel {
  readonly #services: Shared;
  readonly #crashes = new Map<string, number[]>();
  #state: LoadState = { state: 'none' };
  #current: Current | null = null;
  readonly #leaving = new Set<EngineProcess>();
  #lastReply: Promise<unknown> = Promise.resolve();
  #saidAt = 0;
  #hasBegun = false;
  #choices = 0;
  #baselineBytes: number | null = null;
  /** KV bytes after the latest step. */
  kvBytes = 0;
  /** The chat whose turn the engine holds; null: of none, or nothing is held. */
  heldChat: string | null = null;
  readonly #undone = new Set<AbortController>();

  constructor(services: Shared) {
    this.#services = services;
  }

  get state(): LoadState {
    return this.#state;
  }

  /** What is loaded or being loaded; null: nothing. */
  get wanted(): Wanted | null {
    return this.#current?.wanted ?? null;
  }

  /** Of the engine process; null: there is none. */
  get pid(): number | null {
    return this.#current?.process.pid ?? null;
  }

  /** Of engine processes that end now: their memory is nearly free. */
  get leavingPids(): readonly number[] {
    return [...this.#leaving].map(({ pid }) => pid);
  }

  get weightsBytes(): number {
    return this.#state.state === 'ready' ? this.#state.info.weightsBytes : 0;
  }

  /** Of the engine process before its model; null: there is none, or it is not known yet. */
  get baselineBytes(): number | null {
    return this.#baselineBytes;
  }

  /** As it was chosen for the model; null: Retort's choice. */
  get memoryBudget(): MemoryBudget | null {
    return this.#current?.wanted.memoryBudget ?? null;
  }

  get memoryBudgetBytes(): number | null {
    return this.#state.state === 'ready' ? (this.#state.info.streaming?.memoryBudgetBytes ?? null) : null;
  }

  /** What weights in flash do; null: no model is ready, or all its weights are in memory. */
  async readFlash(): Promise<FlashReading | null> {
    return this.#state.state === 'ready' && this.#current
      ? this.#current.process.client.flashState({})
      : null;
  }

  /**
   * Another budget for the model that is ready, once a growing reply has ended; given up until then it changes nothing. Throws bad-request
   * where none is, and what the engine says.
   */
  async setMemoryBudget(choice: MemoryBudget | null, signal: AbortSignal): Promise<Streaming> {
    const current = this.#current;
    if (this.#state.state !== 'ready' || !current) throw new LabError('bad-request', 'No model is loaded.');
    await untilCancelled(signal, this.#lastReply);
    const budget = await engineBudget(this.#services, choice ?? 'auto');
    const streaming = await current.process.client.setMemoryBudget(budget);
    if (this.#current !== current) return streaming;
    current.wanted = { ...current.wanted, memoryBudget: choice };
    this.setStreaming(streaming);
    return streaming;
  }

  /** What the budget is spent on now: sessions take of it, and an auto budget may have shrunk. */
  setStreaming(streaming: Streaming): void {
    if (this.#state.state !== 'ready' || !this.#state.info.streaming) return;
    const { info } = this.#state;
    const weightsBytes = info.weightsBytes - heldBytes(this.#state.info.streaming) + heldBytes(streaming);
    this.#say({ ...this.#state, info: { ...info, weightsBytes, streaming } });
  }

  /** A person chose a model, or none. What takes time to look at holds only while it is the latest choice. */
  choose(): number {
    this.#choices += 1;
    return this.#choices;
  }

  get latestChoice(): number {
    return this.#choices;
  }

  /** Begins to load `wanted` in place of what is there. The state tells how it goes; the promise is for who waits for it. */
  load(wanted: Wanted): Promise<ReadyModel> {
    this.#hasBegun = true;
    // What the model before gives back counts as free.
    const budget = engineBudget(this.#services, wanted.memoryBudget ?? 'auto');
    this.#leave();
    const cancel = new AbortController();
    const process = this.#services.engines.start(this.#services);
    const current: Current = {
      wanted,
      process,
      cancel,
      opening: this.#open(wanted, budget, process, cancel.signal),
    };
    this.#current = current;
    const { id, title } = wanted;
    this.#say({
      state: 'loading',
      model: id,
      title,
      phase: 'start',
      done: 0,
      total: 0,
      startedAt: Date.now(),
    });
    current.opening.catch((error: unknown) => this.#fail(current, toLabError(error)));
    void process.ended.then((reason) => this.#ended(current, reason));
    return current.opening;
  }

  /** True once, and not where a person was faster: the page that asks first finds a model loading. */
  takeFirst(): boolean {
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    return isFirst;
  }

  /** Says that a model will be loaded: it is looked first whether it fits. */
  announce({ id, title }: Wanted): void {
    this.#say({
      state: 'loading',
      model: id,
      title,
      phase: 'check memory',
      done: 0,
      total: 0,
      startedAt: Date.now(),
    });
  }

  /** Whether the model was announced and nothing has happened since. */
  isAnnounced({ id }: Wanted): boolean {
    return this.#current === null && this.#state.state === 'loading' && this.#state.model === id;
  }

  /** Whether no other model is there or announced. */
  isFreeFor(wanted: Wanted): boolean {
    return this.#current === null && (this.#state.state !== 'loading' || this.isAnnounced(wanted));
  }

  /** Says that a model was not loaded, and why. */
  refuse(wanted: Wanted, error: LabError): void {
    this.#hasBegun = true;
    this.#leave();
    this.#sayFailed(wanted, error);
  }

  /** Gives the memory back; what loads or replies ends. */
  unload(): void {
    this.#hasBegun = true;
    this.#leave();
    this.#say({ state: 'none' });
  }

  /**
   * Runs `work` with the model named by `id` once it is ready and every earlier reply has ended. `load` begins loading where another model
   * or none is there. Throws what loading throws, and `cancelled`.
   */
  async borrow<T>(
    signal: AbortSignal,
    ready: () => Promise<ReadyModel>,
    work: (model: ReadyModel) => Promise<T>,
  ): Promise<T> {
    for (const stop of this.#undone) stop.abort();
    const before = this.#lastReply;
    const turn = (async () => {
      await untilCancelled(signal, before);
      const model = await untilCancelled(signal, ready());
      this.#setBusy(model, true);
      try {
        return await work(model);
      } finally {
        this.#setBusy(model, false);
      }
    })();
    // A cancelled wait must not let the next one overtake the reply before it.
    this.#lastReply = Promise.allSettled([before, turn]);
    return turn;
  }

  /** The model that is ready now; null: none is. */
  async ready(): Promise<ReadyModel | null> {
    return this.#state.state === 'ready' && this.#current ? this.#current.opening : null;
  }

  /** Work that is left undone as soon as a reply wants the model: its signal fires then. */
  async untilReply<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    this.#undone.add(stop);
    try {
      return await work(AbortSignal.any([signal, stop.signal]));
    } finally {
      this.#undone.delete(stop);
    }
  }

  /** The model as it is being loaded or is ready, if it is this one; null otherwise and after a failure. */
  opening(id: string): Promise<ReadyModel> | null {
    if (this.#current?.wanted.id !== id || this.#state.state === 'failed') return null;
    return this.#current.opening;
  }

  /** How many tokens the engine holds after a reply. */
  setHeld(held: number): void {
    if (this.#state.state === 'ready') this.#say({ ...this.#state, held });
  }

  async #open(
    wanted: Wanted,
    budget: Promise<EngineBudget>,
    process: EngineProcess,
    signal: AbortSignal,
  ): Promise<ReadyModel> {
    const { path, title, threads, kvCodec } = wanted;
    const choice = {
      ...{ engine: null, arithmetic: null, device: 'cpu' as const, threads, kvCodec },
      memoryBudget: await budget,
    };
    const progress = (said: Progress) => Promise.resolve(this.#progress(wanted, said));
    const hooks = { signal, progress };
    const summary = this.#services.text.inspect(path, signal);
    summary.catch(() => undefined);
    const model = { name: title, path };
    const tellQuiet = () => this.#services.notices.add('warning', quietLoad(title));
    const stopWatching = watchEngine(process, loadQuietMs, tellQuiet);
    const opening = openInProcess(process, model, choice, this.#services, hooks).finally(stopWatching);
    const info = await withoutPaths(title, [path], opening);
    const { baselineBytes } = await process.client.memory({});
    const context = Math.min(wanted.context ?? usualContext, info.contextLength);
    const ready = { wanted, process, info, context };
    this.#ready(ready, await summary.catch(() => null), baselineBytes);
    return ready;
  }

  #ready(ready: ReadyModel, summary: ModelSummary | null, baselineBytes: number | null): void {
    const { wanted, info, context, process } = ready;
    if (this.#current?.process !== process) return;
    this.kvBytes = 0;
    this.#baselineBytes = baselineBytes;
    this.#say({
      state: 'ready',
      model: wanted.id,
      title: wanted.title,
      precision: summary ? precisionOf(summary) : '',
      info,
      context,
      kvCodec: info.kvCodec,
      kvBytesPerToken: info.kvBytesPerToken,
      held: 0,
      isBusy: false,
    });
  }

  #progress(wanted: Wanted, { phase, done, total }: Progress): void {
    const state = this.#state;
    if (state.state !== 'loading' || state.model !== wanted.id) return;
    const isDue = phase !== state.phase || Date.now() - this.#saidAt >= progressEveryMs;
    if (isDue) this.#say({ ...state, phase, done, total });
  }

  /** Another may have been loaded in its place. */
  #setBusy({ process }: ReadyModel, isBusy: boolean): void {
    if (this.#state.state === 'ready' && this.#current?.process === process)
      this.#say({ ...this.#state, isBusy });
  }

  #say(state: LoadState): void {
    this.#state = state;
    this.#saidAt = Date.now();
    this.#services.events.emit({ type: 'engine', engine: state });
  }

  #leave(): void {
    const current = this.#current;
    this.#current = null;
    this.#baselineBytes = null;
    this.kvBytes = 0;
    this.heldChat = null;
    if (!current) return;
    const { cancel, process } = current;
    cancel.abort();
    this.#leaving.add(process);
    void process.ended.then(() => this.#leaving.delete(process));
    void process.close();
  }

  #fail(current: Current, error: LabError): void {
    if (this.#current !== current) return;
    this.#current = null;
    current.process.kill();
    if (error.code === 'cancelled') this.#say({ state: 'none' });
    else this.#sayFailed(current.wanted, error);
  }

  #sayFailed(wanted: Wanted, error: LabError): void {
    const { code, message } = error;
    const { id: model, title } = wanted;
    this.#say({ state: 'failed', model, title, error: { code, message }, fix: fixFor(error, wanted) });
  }

  /** A process that ended by itself: loaded once more, unless the same model did so twice in ten minutes. */
  #ended(current: Current, reason: string): void {
    if (this.#current !== current || this.#state.state === 'loading') return;
    const { wanted } = current;
    const now = Date.now();
    const crashes = [...(this.#crashes.get(wanted.id) ?? []).filter((at) => now - at < crashWindowMs), now];
    this.#crashes.set(wanted.id, crashes);
    if (crashes.length === 1) return void this.load(wanted).catch(() => undefined);
    this.#fail(current, new LabError('engine-gone', reason));
  }
}

const quietLoad = (title: string) =>
  `${title} has said nothing for ${loadQuietMs / 1000} s while loading. It may be stuck: Cancel ends it.`;

/** Ended by the system for want of memory, as far as a signal tells. */
const looksLikeNoMemory = (error: LabError) =>
  error.code === 'out-of-memory' ||
  error.code === 'memory-limit' ||
  /SIGKILL|SIGABRT|code 134/.test(error.message);

function fixFor(error: LabError, wanted: Wanted): (LoadState & { state: 'failed' })['fix'] {
  const { field, largestContext } = error.detail;
  if (field === 'memoryBudget') {
    return { kind: 'auto-budget', context: typeof largestContext === 'number' ? largestContext : null };
  }
  if (ownFaults.includes(error.code)) return { kind: 'choose-model' };
  if (!looksLikeNoMemory(error)) return { kind: 'reload' };
  if (largestContext === 0) return { kind: 'choose-model' };
  const half = Math.floor((wanted.context ?? usualContext) / 2);
  const context = typeof largestContext === 'number' ? largestContext : half;
  return context >= smallestContext ? { kind: 'lower-context', context } : { kind: 'reload' };
}

/** The type that most weights have, and bits over all: "Q4_1, 5.0 bits". */
export function precisionOf({ types, parameters }: ModelSummary): string {
  const [first] = Object.entries(types).sort(([, left], [, right]) => right - left);
  const weightsBytes = Object.values(types).reduce((sum, bytes) => sum + bytes, 0);
  const bits = parameters > 0 ? (8 * weightsBytes) / parameters : 0;
  return first ? `${first[0]}, ${bits.toFixed(1)} bits` : '';
}
