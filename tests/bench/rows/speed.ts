/** Decode and prefill beside llama.cpp on the same file, and decode beside onnxruntime-node on the same folder. */
import type { Ceiling } from '../ceilings.ts';
import type { EngineClient } from '../engines/engine-client.ts';
import type { Opened } from '../engines/bench-engine.ts';
import { ggufFile, onnxFolder } from '../models/model-files.ts';
import { onnxWeightBytes } from '../models/random-onnx.ts';
import { randomTypes, type RandomType } from '../models/random-blocks.ts';
import { weightBytes } from '../models/random-gguf.ts';
import { llama135m, llama1b, matrixElements, vocabulary, type ModelShape } from '../models/shapes.ts';
import { bundledModel } from '../places.ts';
import { ratios, type Series } from '../statistics.ts';
import {
  atLeast,
  measureRounds,
  withEngines,
  type Bench,
  type EnginePlace,
  type Measured,
  type Outcome,
  type Row,
} from './row.ts';

interface Comparison {
  readonly places: readonly [own: EnginePlace, peer: EnginePlace];
  /** Least ratio to the peer; null where none is asked for. */
  readonly ratio: number | null;
  readonly notes?: readonly string[];
}

const peerNames = { retort: 'Retort', 'llama-cpp': 'llama.cpp', onnxruntime: 'onnxruntime-node' };
const descriptions = (opened: readonly Opened[]) => opened.map(({ description }) => description).join('; ');

/** Tokens per second of both and their ratio. */
function speeds({ places, ratio }: Comparison, { values }: Measured) {
  const [own, peer] = values as [number[], number[]];
  const shares = ratios(own, peer);
  const name = (index: 0 | 1) => peerNames[places[index].engine];
  const series: Series[] = [
    { label: name(0), unit: 'tok/s', values: own },
    { label: name(1), unit: 'tok/s', values: peer },
    { label: 'ratio', unit: '', values: shares },
  ];
  return { own, series, checks: ratio === null ? [] : [atLeast(`ratio to ${name(1)}`, shares, ratio)] };
}

interface DecodeOptions extends Comparison {
  readonly promptTokens: number;
  readonly generateTokens: number;
  /** Read per token. */
  readonly bytes: number;
  /** Least share of the bandwidth; null where none is asked for. */
  readonly share: number | null;
}

async function decode(bench: Bench, options: DecodeOptions): Promise<Outcome> {
  const { places, promptTokens, generateTokens, bytes, share } = options;
  return withEngines(bench, places, async (clients, opened) => {
    for (const client of clients) await client.call('start', { promptTokens, generateTokens });
    const turn = async (client: EngineClient) =>
      generateTokens / (await client.call('decode', generateTokens)).seconds;
    const measured = await measureRounds(bench, clients, turn);
    const { own, series, checks } = speeds(options, measured);
    const reading = measured.ceilings.map(({ readGBs }) => readGBs);
    const used = own.map((rate) => (rate * bytes) / 1e9);
    const shares = ratios(used, reading);
    return {
      series: [
        ...series,
        { label: 'weights', unit: 'GB/s', values: used },
        { label: 'memory', unit: 'GB/s', values: reading },
        { label: 'share', unit: '', values: shares },
      ],
      checks: [...(share === null ? [] : [atLeast('share of bandwidth', shares, share)]), ...checks],
      notes: [
        `prompt ${promptTokens}, ${generateTokens} tokens a turn`,
        descriptions(opened),
        ...(options.notes ?? []),
      ],
      quiet: measured.quiet,
    };
  });
}

const decodeTarget: Record<RandomType, number> = { Q4_0: 1, Q4_1: 1.8, Q5_0: 1, Q8_0: 1, Q4_K: 1, Q6_K: 1 };
const bandwidthShare = 0.85;
/** Short, so that a token reads the weights and little else. */
const shortPrompt = 32;

const both = (path: string): [EnginePlace, EnginePlace] => [
  { engine: 'retort', path },
  { engine: 'llama-cpp', path },
];

const decodeOfType = (type: RandomType): Row => ({
  name: `decode ${llama1b.name} ${type}`,
  run: async (bench) =>
    decode(bench, {
      places: both(await ggufFile(llama1b, type)),
      ratio: decodeTarget[type],
      promptTokens: shortPrompt,
      generateTokens: 32,
      bytes: weightBytes(llama1b, type),
      share: bandwidthShare,
    }),
});

const decodeOfNBits: Row = {
  name: `decode ${llama1b.name} MatMulNBits g32`,
  run: async (bench) =>
    decode(bench, {
      places: [
        { engine: 'retort', path: await onnxFolder(llama1b) },
        { engine: 'llama-cpp', path: await ggufFile(llama1b, 'Q4_0') },
      ],
      ratio: 1,
      promptTokens: shortPrompt,
      generateTokens: 32,
      bytes: onnxWeightBytes(llama1b),
      share: bandwidthShare,
      notes: [
        'llama.cpp reads no ONNX: it runs Q4_0 of the same shape, which has half as many bytes of scales',
      ],
    }),
};

/** Of the bundled file but for what no token reads. */
const bundledBytes = 96_576_768;

const decodeOfBundled: Row = {
  name: 'decode bundled 135M Q4_1',
  run: (bench) =>
    decode(bench, {
      places: both(bundledModel),
      ratio: 2,
      promptTokens: shortPrompt,
      generateTokens: 128,
      bytes: bundledBytes,
      share: null,
    }),
};

const decodeOfOnnx = (shape: ModelShape, ratio: number, generateTokens: number): Row => ({
  name: `decode onnx int4 ${shape.name}`,
  run: async (bench) => {
    const path = await onnxFolder(shape);
    return decode(bench, {
      places: [
        { engine: 'retort', path },
        { engine: 'onnxruntime', path },
      ],
      ratio,
      promptTokens: 512,
      generateTokens,
      bytes: onnxWeightBytes(shape),
      share: null,
    });
  },
});

/** Products of a prompt: all layers for every token, the head for the last. */
function promptProducts(shape: ModelShape, tokens: number): number {
  const head = vocabulary * shape.hidden;
  return tokens * (matrixElements(shape) - head) + head;
}

const promptTokens = 512;

async function prefill(bench: Bench, shape: ModelShape, comparison: Comparison): Promise<Outcome> {
  return withEngines(bench, comparison.places, async (clients, opened) => {
    const turn = async (client: EngineClient) =>
      promptTokens / (await client.call('start', { promptTokens, generateTokens: 1 })).seconds;
    const measured = await measureRounds(bench, clients, turn);
    const { own, series, checks } = speeds(comparison, measured);
    const perToken = promptProducts(shape, promptTokens) / promptTokens / 1e9;
    const products = own.map((rate) => rate * perToken);
    const registers = measured.ceilings.map(({ productsGs }: Ceiling) => productsGs);
    return {
      series: [
        ...series,
        { label: 'products', unit: '10⁹/s', values: products },
        { label: 'in registers', unit: '10⁹/s', values: registers },
        { label: 'share', unit: '', values: ratios(products, registers) },
      ],
      checks,
      notes: [`${promptTokens} tokens`, descriptions(opened), ...(comparison.notes ?? [])],
      quiet: measured.quiet,
    };
  });
}

const prefillTarget: Record<RandomType, number | null> = {
  Q4_0: 1.5, Q4_1: 4, Q5_0: null, Q8_0: 1.5, Q4_K: 1, Q6_K: 1,
}; // prettier-ignore

const prefillOfType = (type: RandomType): Row => ({
  name: `prefill ${llama1b.name} ${type}`,
  run: async (bench) =>
    prefill(bench, llama1b, { places: both(await ggufFile(llama1b, type)), ratio: prefillTarget[type] }),
});

const prefillOfBundled: Row = {
  name: 'prefill bundled 135M Q4_1',
  run: (bench) => prefill(bench, llama135m, { places: both(bundledModel), ratio: 4 }),
};

export const speedRows: readonly Row[] = [
  ...randomTypes.map(decodeOfType),
  decodeOfNBits,
  decodeOfBundled,
  ...randomTypes.map(prefillOfType),
  prefillOfBundled,
  decodeOfOnnx(llama135m, 3, 64),
  decodeOfOnnx(llama1b, 2.3, 16),
];
