/**
 * Uses all of the addon and prints what came out, as hashes: the same in every program that loads it. Runs as plain CommonJS, also on the Node 16 of an older
 * Electron.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type {
  NativeAddon,
  NativeEngine,
  NativeEvaluateInput,
  NativeEvaluateResult,
  NativeMatrixSource,
  NativeSession,
} from '../../electron/engine/native/addon.ts';
import { describeTinyModel, floatMatrix, tinyRope, vocabulary, width } from '../helpers/native-model.ts';

/** What each part of the addon gave. */
export interface Report {
  readonly program: string;
  /** Status of showing V8 memory that is not its own: 0 = taken, 22 = there is a memory cage. */
  readonly externalMemory: number;
  readonly parts: Readonly<Record<string, unknown>>;
}

const [addonPath = '', probePath = '', folder = ''] = process.argv.slice(2);
const load = createRequire(__filename);
const addon = load(addonPath) as NativeAddon;
const showExternalMemory = load(probePath) as () => number;

const hash = (values: ArrayBufferView) =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

/** From −8 to 8, the same for one seed. */
function row(size: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 28 - 8;
  });
}

function sampling() {
  const parameters = {
    temperature: 0.9, topK: 50, topP: 0.95, minP: 0.01, repetitionPenalty: 1.1, presencePenalty: 0.1, frequencyPenalty: 0.1, penaltyWindow: 64,
    biasIds: Int32Array.of(3), biasValues: Float32Array.of(0.5), topLogProbabilities: 5,
  }; // prettier-ignore
  const sampler = new addon.Sampler(parameters, 7n);
  const history = new Int32Array(200);
  const drawn = Array.from(history, (_, i) => {
    const token = sampler.sample(row(1000, i), history.subarray(0, i), null);
    history[i] = token.id;
    return [
      token.id,
      token.logProbability,
      token.probability,
      hash(token.topIds),
      hash(token.topLogProbabilities),
    ];
  });
  const allowed = new Uint32Array(32).fill(0x5555_5555);
  const probabilities = hash(sampler.probabilities(row(1000, 1), history, allowed));
  return { drawn, probabilities, state: sampler.getState().map(String) };
}

function scoring() {
  const rows = row(3 * 500, 1);
  const others = row(3 * 500, 2);
  const { negativeLogProbability, argmax, divergence } = addon.scoreRows(
    [rows, others],
    500,
    Int32Array.of(1, 2, 3),
    2,
  );
  return [negativeLogProbability, argmax, divergence].map(hash);
}

const newEngine = () => new addon.NativeEngine({ arithmetic: 'fast', threads: 2, kernels: '' });

/** Matrices out of memory of JavaScript and out of a file. */
async function packing() {
  const engine = newEngine();
  const bytes = new Uint8Array(row(64 * 256, 3).buffer).slice(0, (64 * 256 * 144) / 256);
  const path = join(folder, 'weights');
  writeFileSync(path, bytes);
  const size = { rows: 64, columns: 256 };
  const sources: NativeMatrixSource[] = [
    floatMatrix(31, 33, 1),
    { type: 'q4_k', ...size, bytes },
    { type: 'q4_k', ...size, file: { path, fileBytes: bytes.length, offset: 0, bytes: bytes.length } },
    { type: 'nbits4', rows: 2, columns: 32, bytes: new Uint8Array(32), block: 16, zero: 8, scales: row(4, 1), offsets: row(4, 2) },
  ]; // prettier-ignore
  const packed = [];
  for (const source of sources) packed.push(await engine.pack(source));
  engine.close();
  return packed;
}

const newSession = (engine: NativeEngine) =>
  new addon.NativeSession(engine, { context: 32, kvCodec: 'f16', ropes: [tinyRope] });

const input = (ids: readonly number[], start: number, more: Partial<NativeEvaluateInput> = {}) => ({
  ids: Int32Array.from(ids),
  embeddings: null,
  positions: Int32Array.from(ids, (_, i) => start + i),
  parents: null,
  rows: Int32Array.from(ids.keys()),
  hidden: false,
  ...more,
});

const hashes = ({ logits, bytesTouched, hidden }: NativeEvaluateResult) => ({
  logits: hash(logits),
  bytesTouched,
  hidden: hidden.map(({ name, shape, data }) => [name, shape, hash(data)]),
});

async function logitsOf(session: NativeSession, ids: readonly number[]): Promise<string> {
  return hash((await session.evaluate(input(ids, session.length))).logits);
}

async function computing(engine: NativeEngine) {
  const ids = [1, 2, 3, 4, 5, 6];
  const whole = hashes(await newSession(engine).evaluate(input(ids, 0, { hidden: true })));
  const parents = Int32Array.of(-1, 0, 1);
  const chain = hashes(await newSession(engine).evaluate(input([1, 2, 3], 0, { parents })));
  const embeddings = { ids: null, embeddings: row(2 * width, 5) };
  const embedded = hashes(await newSession(engine).evaluate(input([0, 0], 0, embeddings)));
  const session = newSession(engine);
  const first = await logitsOf(session, ids.slice(0, 4));
  const saved = session.save();
  const fork = new addon.NativeSession(session);
  const restored = newSession(engine);
  restored.restore(saved);
  const next = [];
  for (const each of [session, fork, restored]) next.push(await logitsOf(each, ids.slice(4)));
  fork.truncate(0);
  const again = await logitsOf(fork, ids.slice(0, 4));
  return { whole, chain, embedded, first, saved: hash(saved), next, again, kvBytes: session.kvBytes };
}

async function refusal(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown };
    return { name, message, code };
  }
}

/** Wrong arguments: everything that leaves must be an error with a code. */
async function refusing(engine: NativeEngine) {
  const session = newSession(engine);
  const any = (value: unknown) => value as never;
  const calls = [
    () => new addon.Sampler(any(null), 1n),
    () => new addon.NativeEngine(any({ arithmetic: 'fast', threads: 0, kernels: '' })),
    () => new addon.NativeEngine(any({ arithmetic: 'fast', threads: 1, kernels: 'none' })),
    () => newEngine().pack({ ...floatMatrix(2, 2, 1), rows: 3 }),
    () => newEngine().pack(any({ type: 'f32', rows: 1, columns: 1, bytes: [1, 2, 3, 4] })),
    () => newEngine().setModel(any({})),
    () => new addon.NativeSession(any(null)),
    () => session.evaluate(any(undefined)),
    () => session.evaluate(input([vocabulary], 0)),
    () => session.evaluate(input([1], 0, { rows: Int32Array.of(1) })),
    () => session.evaluate(input([1, 2, 3], 0, { parents: Int32Array.of(-1, 0, 0) })),
    () => session.evaluate(input(new Array<number>(33).fill(1), 0)),
    () => session.restore(new Uint8Array(100)),
    () => session.truncate(1),
    () => addon.scoreRows([new Float32Array(3)], 2, new Int32Array(1), 1),
  ];
  const refusals = [];
  for (const call of calls) refusals.push(await refusal(call));
  session.close();
  refusals.push(await refusal(() => session.length));
  return refusals;
}

async function main(): Promise<void> {
  const engine = newEngine();
  engine.setModel(await describeTinyModel(engine));
  const parts = {
    constants: [addon.version, addon.statusCodes, engine.kernels],
    sampling: sampling(),
    scoring: scoring(),
    packing: await packing(),
    computing: await computing(engine),
    refusing: await refusing(engine),
  };
  engine.close();
  const { electron, node } = process.versions;
  const program = electron === undefined ? `Node ${node}` : `Electron ${electron}`;
  const report: Report = { program, externalMemory: showExternalMemory(), parts };
  console.log(JSON.stringify(report));
}

void main();
