import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { SamplingParameters } from '../../electron/contract/sampling.ts';
import { nativeAddon, type NativeAddon } from '../../electron/engine/native/addon.ts';
import { createSampler } from '../../electron/engine/native/sampler.ts';

const logits = Float32Array.of(1, 2, 3, 4);
const history = Int32Array.of(0, 1);
const good = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyWindow: 0,
  biasIds: new Int32Array(),
  biasValues: new Float32Array(),
  topLogProbabilities: 0,
};

/** Values of every kind JavaScript has, none of them right anywhere. */
const strangers: readonly unknown[] = [
  undefined, true, '1', 'x'.repeat(1000), Symbol('s'), {}, [], [1, 2, 3, 4], () => 1, new Date(), new Map(),
  new ArrayBuffer(16), new DataView(new ArrayBuffer(16)), new Uint8Array(4), new Float64Array(4), new BigInt64Array(4),
  new Proxy({}, {}), new Proxy(new Float32Array(4), {}), Object.create(Float32Array.prototype), 1n, -1n, 1n << 70n,
]; // prettier-ignore

function codeOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'accepted';
}

function detached(): Float32Array {
  const array = new Float32Array(4);
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

const { Sampler } = nativeAddon();
type AnySampler = new (...values: unknown[]) => Record<string, (...values: unknown[]) => unknown>;
const AnySampler = Sampler as unknown as AnySampler;

describe('the constructor refuses', () => {
  it('a parameter of any wrong type or absent', () => {
    for (const name of Object.keys(good)) {
      for (const stranger of [...strangers, null, NaN, -1e9]) {
        const call = () => new AnySampler({ ...good, [name]: stranger }, 1n);
        expect(codeOf(call), `${name} ${typeof stranger}`).toBe('bad-request');
      }
    }
  });

  it('anything but an object and a 64-bit BigInt', () => {
    for (const stranger of [undefined, null, 1, 'parameters', 1n]) {
      expect(codeOf(() => new AnySampler(stranger, 1n))).toBe('bad-request');
    }
    for (const seed of [undefined, null, 1, '1', {}, -1n, 1n << 64n]) {
      expect(codeOf(() => new AnySampler(good, seed))).toBe('bad-request');
    }
    expect(codeOf(() => new AnySampler())).toBe('bad-request');
  });

  it('bias lists of different lengths, and infinite biases', () => {
    expect(codeOf(() => new AnySampler({ ...good, biasIds: Int32Array.of(1) }, 1n))).toBe('bad-request');
    const infinite = { ...good, biasIds: Int32Array.of(1), biasValues: Float32Array.of(Infinity) };
    expect(codeOf(() => new AnySampler(infinite, 1n))).toBe('bad-request');
  });

  it('with the error of a getter that throws, unchanged', () => {
    const thrown = new Error('from the getter');
    const parameters = Object.defineProperty({ ...good }, 'topP', {
      get: () => {
        throw thrown;
      },
    });
    expect(() => new AnySampler(parameters, 1n)).toThrow(thrown);
  });
});

describe('a sampler refuses', () => {
  const sampler = new AnySampler(good, 1n);

  it('arguments of any wrong type', () => {
    for (const method of ['sample', 'probabilities']) {
      for (const stranger of strangers) {
        expect(codeOf(() => sampler[method]?.(stranger, history, null))).toBe('bad-request');
        expect(codeOf(() => sampler[method]?.(logits, stranger, null))).toBe('bad-request');
        expect(codeOf(() => sampler[method]?.(logits, history, stranger))).toBe('bad-request');
      }
      expect(codeOf(() => sampler[method]?.())).toBe('bad-request');
    }
    for (const stranger of [...strangers, [1n], [1n, 2n], [-1n, 1n], [1, 1], null]) {
      expect(codeOf(() => sampler['setState']?.(stranger))).toBe('bad-request');
    }
  });

  it('a mask of the wrong length and one that allows nothing', () => {
    for (const mask of [new Uint32Array(), new Uint32Array(2), Uint32Array.of(0), Uint32Array.of(0xfffffff0)]) {
      expect(codeOf(() => sampler['sample']?.(logits, history, mask))).toBe('bad-request');
    }
  });

  it('history ids outside the vocabulary', () => {
    for (const id of [-1, 4, 0x7fffffff, -0x80000000]) {
      expect(codeOf(() => sampler['sample']?.(logits, Int32Array.of(id), null))).toBe('bad-request');
    }
  });

  it('logits with a NaN or plus infinity, with nothing finite, of no length, or detached', () => {
    const bad = [[1, NaN], [Infinity, 1], [-Infinity, -Infinity], []].map((row) => Float32Array.from(row));
    for (const row of [...bad, detached()]) {
      expect(codeOf(() => sampler['sample']?.(row, new Int32Array(), null))).toBe('invalid-numbers');
    }
  });

  it('shared memory, which another thread could change in the middle', () => {
    const shared = new Float32Array(new SharedArrayBuffer(16));
    expect(codeOf(() => sampler['sample']?.(shared, history, null))).toBe('bad-request');
  });

  it('to run on another object', () => {
    const method = sampler['sample'];
    for (const receiver of [{}, null, Object.create(AnySampler.prototype as object), logits]) {
      expect(() => method?.call(receiver, logits, history, null)).toThrow(TypeError);
    }
    expect(() => (AnySampler as unknown as () => void)()).toThrow(TypeError);
  });

  it('nothing that is right, after all this', () => {
    expect(sampler['sample']?.(logits, history, null)).toMatchObject({ topIds: new Int32Array() });
  });
});

describe('the wrapper', () => {
  it('turns coded errors into LabErrors that keep the cause', () => {
    const parameters = SamplingParameters.parse({});
    const sampler = createSampler(parameters);
    const refusal = { name: 'LabError', code: 'invalid-numbers', cause: expect.any(Error) as Error };
    expect(() => sampler.draw(Float32Array.of(NaN), history)).toThrow(expect.objectContaining(refusal) as Error);
    const stray = { ...parameters, logitBias: [{ id: 2 ** 40, bias: 1 }] };
    expect(codeOf(() => createSampler(stray))).toBe('bad-request');
  });
});

describe('worker threads', () => {
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const addon = require(workerData.path);
    const codes = [];
    const attempt = (call) => { try { call(); } catch (error) { codes.push(error.code ?? error.name); } };
    const sampler = new addon.Sampler(workerData.good, 9n);
    attempt(() => sampler.sample(1, 2, 3));
    attempt(() => sampler.sample(new Float32Array([NaN]), new Int32Array(), null));
    attempt(() => new addon.Sampler());
    attempt(() => addon.scoreRows());
    attempt(() => sampler.sample.call({}));
    const ids = Array.from({ length: 100 }, () => sampler.sample(workerData.logits, workerData.history, null).id);
    parentPort.postMessage({ codes, ids });`;
  const path = createRequire(import.meta.url).resolve('../../build/native/retort.node');

  const inWorker = () =>
    new Promise<{ codes: string[]; ids: number[] }>((resolve, reject) => {
      const worker = new Worker(program, { eval: true, workerData: { path, good, logits, history } });
      worker.on('message', resolve);
      worker.on('error', reject);
    });

  it('draw the same ids as the main thread and refuse the same arguments, several at once and one after another', async () => {
    const sampler = new (createRequire(import.meta.url)(path) as NativeAddon).Sampler(good, 9n);
    const ids = Array.from({ length: 100 }, () => sampler.sample(logits, history, null).id);
    const codes = ['bad-request', 'invalid-numbers', 'bad-request', 'bad-request', 'TypeError'];
    for (let round = 0; round < 3; round++) {
      const results = await Promise.all([inWorker(), inWorker(), inWorker()]);
      for (const result of results) expect(result).toEqual({ codes, ids });
    }
  });
});
