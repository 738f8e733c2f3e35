/** Retort's native engine, opened as the command line opens it. */
import { SamplingParameters } from '../../../electron/contract/sampling.ts';
import type { Session } from '../../../electron/engine/engine.ts';
import { createSampler } from '../../../electron/engine/native/sampler.ts';
import { openModel, type OpenedModel } from '../../../electron/engine/open-engine.ts';
import {
  promptIds,
  secondsOf,
  type BenchEngine,
  type Opened,
  type OpenRequest,
  type StartRequest,
  type Turn,
} from './bench-engine.ts';

class RetortEngine implements BenchEngine {
  #opened: OpenedModel | undefined;
  #session: Session | undefined;
  #prompt = new Int32Array();
  /** After the prompt. */
  #logits: Float32Array = new Float32Array();
  readonly #sampler = createSampler(SamplingParameters.parse({ temperature: 0 }));

  async open({ path, threads, cacheFolder }: OpenRequest): Promise<Opened> {
    const seconds = await secondsOf(async () => {
      this.#opened = await openModel(
        {
          path,
          threads,
          device: 'cpu',
          engine: 'native',
          arithmetic: 'fast',
          kvCodec: null,
          memoryBudget: null,
          cacheFolder,
        },
        { signal: new AbortController().signal, onProgress: () => {} },
      );
    });
    const { versions, weightsBytes } = this.#opened!.engine.info;
    return { seconds, description: `${versions['kernels']}, ${versions['layout']}`, weightsBytes };
  }

  async start({ promptTokens, generateTokens }: StartRequest): Promise<Turn> {
    const { engine } = this.#opened!;
    this.#session?.close();
    const session = await engine.createSession({ context: promptTokens + generateTokens });
    this.#session = session;
    this.#prompt = promptIds(promptTokens);
    const seconds = await secondsOf(async () => {
      this.#logits = (await session.evaluate({ ids: this.#prompt, rows: 'last' })).logits;
    });
    return { seconds, kvBytes: session.kvBytes };
  }

  async decode(count: number): Promise<Turn> {
    const session = this.#session!;
    const history = new Int32Array(this.#prompt.length + count);
    history.set(this.#prompt);
    let logits = this.#logits;
    const seconds = await secondsOf(async () => {
      for (let length = this.#prompt.length; length < history.length; length++) {
        const { id } = this.#sampler.draw(logits, history.subarray(0, length));
        history[length] = id;
        ({ logits } = await session.evaluate({ ids: Int32Array.of(id), rows: 'last' }));
      }
    });
    const { kvBytes } = session;
    session.truncate(this.#prompt.length);
    return { seconds, kvBytes };
  }

  async close(): Promise<void> {
    this.#session?.close();
    await this.#opened?.engine.close();
  }
}

export const createEngine = (): BenchEngine => new RetortEngine();
