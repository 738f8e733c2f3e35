/** Retort's native engine, opened as the command line opens it, as a process of its own. */
import { createHash } from 'node:crypto';
import { LabError } from '../../../../electron/contract/errors.ts';
import { SamplingParameters } from '../../../../electron/contract/sampling.ts';
import type {
  EvaluateResult,
  Session,
  StreamingState,
  WeightReads,
} from '../../../../electron/engine/engine.ts';
import { giveBack } from '../../../../electron/engine/generate.ts';
import { collectGarbage } from '../../../../electron/engine/memory.ts';
import type { NativeReads } from '../../../../electron/engine/native/addon.ts';
import { createSampler } from '../../../../electron/engine/native/sampler.ts';
import { openModel, type OpenedModel } from '../../../../electron/engine/open-engine.ts';
import { loadTokenizer } from '../../../../electron/engine/text/tokenizer.ts';
import { readModelSource } from '../../../../electron/formats/open-source.ts';
import { secondsOf } from '../../engines/bench-engine.ts';
import { serveCalls } from '../../engines/serve-calls.ts';
import { recordRouting, type Routing } from '../routing.ts';
import {
  callsOf,
  type Fed,
  type FlashEngine,
  type Opened,
  type OpenRequest,
  type PrepareRequest,
  type StartRequest,
} from './flash-engine.ts';
import { NativeWatch } from './watched-native.ts';

/** Of the bits of all logits: equal for equal ones alone. */
const digestOf = (logits: Float32Array) =>
  createHash('sha256')
    .update(new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength))
    .digest('hex');

/** What the disk did for the tokens fed. */
export interface FlashUse {
  readonly bytes: number;
  /** Of them: read ahead for a layer that did not need it. */
  readonly vainBytes: number;
  /** Of the experts guessed for a next layer: how many it chose; null: none were guessed. */
  readonly rightGuesses: number | null;
  /** Experts and tiles that were read: nothing in a layer but experts where the model has some. */
  readonly misses: number;
  /** That computing waited. */
  readonly stallSeconds: number;
  /** Places of experts. */
  readonly slots: number;
  /** Reads that may be in flight. */
  readonly depth: number;
  readonly reads: NativeReads;
}

export interface FedStreamed extends Fed {
  readonly digests: readonly string[];
  /** Null where the weights lie in no pack. */
  readonly flash: FlashUse | null;
}

export interface StopRequest {
  readonly prompt: Int32Array;
  readonly stops: number;
}

export interface Stopped {
  /** From the stop to the answer. */
  readonly seconds: number;
  /** False where the evaluation had ended just before: then what it reads ahead is under way. */
  readonly isStopped: boolean;
  readonly pendingReads: number;
}

export interface ReadRequest {
  readonly prompt: Int32Array;
  /** Null: as many as the session takes. */
  readonly atOnce: number | null;
}

export interface PromptRead {
  readonly seconds: number;
  readonly bytes: number;
  readonly atOnce: number;
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class RetortEngine implements FlashEngine {
  readonly #watch = new NativeWatch();
  readonly #sampler = createSampler(SamplingParameters.parse({ temperature: 0 }));
  /** Held so that what it takes is counted before the model. */
  #tokenizer: unknown;
  #opened: OpenedModel | undefined;
  #session: Session | undefined;

  async prepare({ path }: PrepareRequest): Promise<void> {
    const { tokenizer, special } = await readModelSource(path);
    this.#tokenizer = tokenizer && loadTokenizer(tokenizer, special);
  }

  async open({ path, threads, cacheFolder, memoryBudget }: OpenRequest): Promise<Opened> {
    const seconds = await secondsOf(async () => {
      this.#opened = await openModel(
        {
          path,
          threads,
          device: 'cpu',
          engine: 'native',
          arithmetic: 'fast',
          kvCodec: null,
          cacheFolder,
          memoryBudget,
        },
        { signal: new AbortController().signal, onProgress: () => {} },
      );
      // As the app's engine process does.
      collectGarbage();
    });
    const { versions } = this.#opened!.engine.info;
    const state = this.#state();
    const reader = state && `, ${state.reader}, ${this.#watch.depth} reads in flight`;
    return { seconds, description: `${versions['kernels']}, ${versions['layout']}${reader ?? ''}` };
  }

  async start({ prompt, context }: StartRequest): Promise<number> {
    this.#session?.close();
    const session = await this.#opened!.engine.createSession({ context });
    this.#session = session;
    const seconds = await secondsOf(async () => {
      giveBack((await session.evaluate({ ids: prompt, rows: 'last' })).logits);
    });
    if (this.#state()) await this.#watch.takeReads();
    return seconds;
  }

  async feed(ids: Int32Array): Promise<FedStreamed> {
    const fed = { seconds: [] as number[], likeliest: [] as number[], digests: [] as string[] };
    const weightReads: WeightReads[] = [];
    for (const id of ids) {
      let result: EvaluateResult | undefined;
      const seconds = await secondsOf(async () => {
        result = await this.#session!.evaluate({ ids: Int32Array.of(id), rows: 'last' });
        fed.likeliest.push(this.#sampler.draw(result.logits, new Int32Array()).id);
      });
      fed.seconds.push(seconds);
      fed.digests.push(digestOf(result!.logits));
      giveBack(result!.logits);
      if (result!.flash) weightReads.push(result!.flash);
    }
    return { ...fed, flash: await this.#useOf(weightReads) };
  }

  #state(): StreamingState | null {
    return this.#opened!.engine.streaming?.state() ?? null;
  }

  async #useOf(weightReads: readonly WeightReads[]): Promise<FlashUse | null> {
    const state = this.#state();
    if (!state) return null;
    const total = (of: (each: WeightReads) => Float64Array) =>
      weightReads.reduce((all, each) => all + sum(of(each)), 0);
    return {
      bytes: total(({ bytes }) => bytes),
      rightGuesses: this.#rightGuesses(weightReads),
      vainBytes: weightReads.reduce((all, { vainBytes }) => all + vainBytes, 0),
      // The last is for token rows and the head.
      misses: total(({ misses }) => misses.subarray(0, -1)),
      stallSeconds: total(({ stallNs }) => stallNs) / 1e9,
      slots: state.slots,
      depth: this.#watch.depth,
      reads: await this.#watch.takeReads(),
    };
  }

  #rightGuesses(weightReads: readonly WeightReads[]): number | null {
    const [made, right] = weightReads.reduce(
      ([all, chosen], { guesses, rightGuesses }) => [all + guesses, chosen + rightGuesses],
      [0, 0],
    );
    return made === 0 ? null : right / made;
  }

  /** Which experts the ids ask for, in a session of their own. */
  async routing(ids: Int32Array): Promise<Routing> {
    const session = await this.#opened!.engine.createSession({ context: ids.length });
    try {
      return await recordRouting(session, ids);
    } finally {
      session.close();
    }
  }

  /** Reads the prompt from the session's start. */
  async readPrompt({ prompt, atOnce }: ReadRequest): Promise<PromptRead> {
    const session = this.#session!;
    session.truncate(0);
    const part = atOnce ?? session.promptTokens ?? prompt.length;
    let bytes = 0;
    const seconds = await secondsOf(async () => {
      for (let start = 0; start < prompt.length; start += part) {
        const ids = prompt.slice(start, start + part);
        const { logits, flash } = await session.evaluate({ ids, rows: 'last' });
        giveBack(logits);
        bytes += flash ? sum(flash.bytes) : 0;
      }
    });
    return { seconds, bytes, atOnce: part };
  }

  /** Stops the prompt's evaluation at times spread evenly over how long it takes. */
  async stop({ prompt, stops }: StopRequest): Promise<Stopped[]> {
    const session = this.#session!;
    const whole = await secondsOf(() => session.evaluate({ ids: prompt, rows: 'last' }));
    session.rollback(prompt.length);
    const stopped: Stopped[] = [];
    for (let number = 0; number < stops; number++) {
      stopped.push(await this.#stopAfter((whole * 1000 * (number + 0.5)) / stops, prompt));
    }
    return stopped;
  }

  async #stopAfter(ms: number, prompt: Int32Array): Promise<Stopped> {
    const abort = new AbortController();
    const session = this.#session!;
    const length = session.length;
    const answer = session
      .evaluate({ ids: prompt, rows: 'last' }, abort.signal)
      .catch((error: unknown) => error);
    await pause(ms);
    let outcome: unknown;
    const seconds = await secondsOf(async () => {
      abort.abort();
      outcome = await answer;
    });
    const isStopped = outcome instanceof LabError && outcome.code === 'cancelled';
    if (!isStopped && outcome instanceof Error) throw outcome;
    session.truncate(length);
    return { seconds, isStopped, pendingReads: this.#state()?.pendingReads ?? 0 };
  }
}

const engine = new RetortEngine();
const calls = {
  ...callsOf(engine),
  feed: (ids: Int32Array) => engine.feed(ids),
  routing: (ids: Int32Array) => engine.routing(ids),
  stop: (request: StopRequest) => engine.stop(request),
  readPrompt: (request: ReadRequest) => engine.readPrompt(request),
};
export type RetortCalls = typeof calls;
serveCalls(calls);
