/**
 * Tokenizers, templates and headers of models, in a process that a hostile file may hang or fill: it is then ended, the call fails
 * with a coded error, and the next call starts another. One process per model, the latest kept; others are ended when nobody waits for them.
 */
import type { Estimate } from '../../contract/estimate.ts';
import type { ModelSummary, TensorEvent } from '../../contract/model-summary.ts';
import type { Encoded } from '../../contract/tokens.ts';
import { drain } from '../../contract/rpc-client.ts';
import { LabError } from '../../contract/errors.ts';
import type { StreamContext } from '../../contract/rpc.ts';
import type { EngineProcess, EngineStarter } from '../engines/engine-starter.ts';
import { untilCancelled } from '../work/cancellation.ts';
import { guardedCall, type CallLimits } from '../guarded-call.ts';
import { SharedProcess, type TextClient } from './shared-process.ts';

type TextInfo = Awaited<ReturnType<TextClient['openText']>>;

/** Reading headers and vocabularies, which are bounded by their files. */
const loadLimits: CallLimits = { timeMs: 20_000, memoryBytes: 1536 * 1_048_576 };
/** Reading all values of a model, which takes as long as its files are large: the person watches, and cancels. */
const readingLimits: CallLimits = { timeMs: 24 * 3_600_000, memoryBytes: 1536 * 1_048_576 };
/** One encoding or rendering, on top of what the process holds. */
const callLimits: CallLimits = { timeMs: 2000, memoryBytes: 256 * 1_048_576 };
/** How long the process that estimates waits for the next turn of a knob. */
const readerIdleMs = 30_000;
/** Whole files, for perplexity: their length is the person's choice. */
const longTextLimits: CallLimits = { timeMs: 120_000, memoryBytes: 2048 * 1_048_576 };
const longTextLength = 100_000;

/** Of a model's tokenizer and templates. Each call loads them anew where another model took their place meanwhile. */
export interface OpenText {
  readonly info: TextInfo;
  encode(input: Parameters<TextClient['encode']>[0]): Promise<Encoded>;
  encodeInfill(input: Parameters<TextClient['encodeInfill']>[0]): Promise<Encoded>;
  encodeChat(input: Parameters<TextClient['encodeChat']>[0]): ReturnType<TextClient['encodeChat']>;
  decode(input: Parameters<TextClient['decode']>[0]): ReturnType<TextClient['decode']>;
}

/** Reads the headers of one model again and again. */
interface Reader {
  readonly path: string;
  readonly process: SharedProcess;
  idle: NodeJS.Timeout;
}

interface Current {
  readonly path: string;
  readonly process: SharedProcess;
  readonly info: Promise<TextInfo>;
}

export class TextService {
  readonly #starter: EngineStarter;
  readonly #started = new Set<EngineProcess>();
  #current: Current | null = null;
  #reader: Reader | null = null;

  constructor(starter: EngineStarter) {
    this.#starter = starter;
  }

  /** Loads the model's tokenizer and templates, or finds them loaded. Throws what reading throws, `time-limit` and `memory-limit`. */
  async open(path: string, signal: AbortSignal): Promise<OpenText> {
    const current = () => {
      throwIfCancelled(signal);
      return this.#find(path) ?? this.#load(path);
    };
    const call = async <T>(limits: CallLimits, work: (client: TextClient) => Promise<T>): Promise<T> => {
      const { process, info } = current();
      return process.wait(
        signal,
        info.then(() => process.begin(limits, work)),
      );
    };
    const { process, info } = current();
    const limitsOf = (length: number) => (length > longTextLength ? longTextLimits : callLimits);
    return {
      info: await process.wait(signal, info),
      encode: (input) => call(limitsOf(input.text.length), (client) => client.encode(input)),
      encodeInfill: (input) =>
        call(limitsOf(input.prefix.length + input.suffix.length), (client) => client.encodeInfill(input)),
      encodeChat: (input) => call(callLimits, (client) => client.encodeChat(input)),
      decode: (input) => call(callLimits, (client) => client.decode(input)),
    };
  }

  /** Reads headers only, in a process of its own. */
  async inspect(path: string, signal: AbortSignal): Promise<ModelSummary> {
    const process = this.#start();
    try {
      const reading = guardedCall(process, loadLimits, () => process.client.inspect({ path }));
      return await untilCancelled(signal, reading);
    } finally {
      process.kill();
    }
  }

  /** Reads values of tensors, in a process of its own that a cancellation ends. Throws as the engine's operation, and `memory-limit`. */
  async statistics(
    input: Parameters<TextClient['tensorStatistics']>[0],
    { signal, emit }: StreamContext<TensorEvent>,
  ): Promise<void> {
    const process = this.#start();
    try {
      const call = () => drain(process.client.tensorStatistics(input), emit);
      await untilCancelled(signal, guardedCall(process, readingLimits, call));
    } finally {
      process.kill();
    }
  }

  /** Reads headers only. Throws what reading throws, and where no engine of ours runs the model. */
  async estimate(input: Parameters<TextClient['estimate']>[0], signal: AbortSignal): Promise<Estimate> {
    throwIfCancelled(signal);
    const process = this.#find(input.path)?.process ?? this.#read(input.path);
    return process.call(loadLimits, signal, (client) => client.estimate(input));
  }

  async close(): Promise<void> {
    // They hold nothing that needs a farewell.
    for (const process of this.#started) process.kill();
    await Promise.all([...this.#started].map((process) => process.ended));
  }

  #find(path: string): Current | null {
    return this.#current?.path === path ? this.#current : null;
  }

  #load(path: string): Current {
    this.#current?.process.retire();
    const process = this.#share();
    const info = process.begin(loadLimits, (client) => client.openText({ path }));
    const current = { path, process, info };
    this.#current = current;
    const forget = () => {
      if (this.#current === current) this.#current = null;
    };
    info.catch(() => {
      forget();
      process.retire();
    });
    void process.ended.then(forget);
    return current;
  }

  #read(path: string): SharedProcess {
    const kept = this.#reader?.path === path ? this.#reader : null;
    if (!kept) this.#reader?.process.retire();
    clearTimeout(kept?.idle);
    const process = kept?.process ?? this.#share();
    const forget = () => {
      if (this.#reader === reader) this.#reader = null;
    };
    const idle = setTimeout(() => {
      forget();
      process.retire();
    }, readerIdleMs).unref();
    const reader = { path, process, idle };
    this.#reader = reader;
    void process.ended.then(forget);
    return process;
  }

  #share(): SharedProcess {
    return new SharedProcess(this.#start());
  }

  #start(): EngineProcess {
    const process = this.#starter.start('text');
    this.#started.add(process);
    void process.ended.then(() => this.#started.delete(process));
    return process;
  }
}

/** Before a process is started for what nobody waits for. */
function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new LabError('cancelled', 'Cancelled.');
}
