/**
 * A plain forward pass over a ModelSpec and canonical weights in float64: slow, one loop per formula, nothing shared with any engine.
 * It proves that specs and name tables are right, and is the oracle executors are compared with. Rows are positions: (S, width).
 */
import { readWeight } from '../../electron/formats/read-weight.ts';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import type {
  Activation,
  AttentionLayerSpec,
  FeedForwardSpec,
  ModelSpec,
  NormSpec,
  ResolvedModel,
  RopeSpec,
} from '../../models/families/model-spec.ts';
import { frequenciesForContext } from '../../models/families/rope.ts';
import { stateSpace } from './float64-state-space.ts';

interface Float64State {
  readonly shape: readonly number[];
  readonly data: Float64Array | Int32Array;
}

/** Names and shapes as in the golden data: logits, hidden.embed, hidden.layer{i}, hidden.head_input, router.{i}.{logits,topk,weights}. */
export type Float64Result = ReadonlyMap<string, Float64State>;

/** Weights by canonical name, read when asked for; null where the model has none of that name. */
export type WeightReader = (name: string) => Promise<Float32Array | null>;

interface Run {
  readonly spec: ModelSpec;
  readonly weight: WeightReader;
  readonly positions: number;
  readonly context: number;
  readonly result: Map<string, Float64State>;
}

/** One pass over all ids from position 0. `context` fixes rope factors that depend on length; default: the ids' number. */
export async function forward64(
  source: ModelSource,
  model: ResolvedModel,
  ids: readonly number[],
  context = ids.length,
): Promise<Float64Result> {
  const weight: WeightReader = async (name) => {
    const ref = model.weights.get(name);
    return ref ? readWeight(source, ref) : null;
  };
  const { spec } = model;
  const run: Run = { spec, weight, positions: ids.length, context, result: new Map() };
  let stream = await embed(run, ids);
  keep(run, 'hidden.embed', stream, spec.hiddenSize);
  for (const [index, layer] of spec.layers.entries()) {
    const prefix = `layers.${index}.`;
    if (layer.kind === 'attention') stream = await attentionLayer(run, layer, index, stream);
    else {
      const normed = await norm(run, layer.norm, `${prefix}norm`, stream, spec.hiddenSize);
      stream = add(stream, await stateSpace(layer, prefix, weight, normed, ids.length));
    }
    keep(run, `hidden.layer${index}`, stream, spec.hiddenSize);
  }
  await head(run, stream);
  return run.result;
}

function keep({ result, positions }: Run, name: string, data: Float64Array, width: number): void {
  result.set(name, { shape: [positions, width], data: Float64Array.from(data) });
}

async function embed(run: Run, ids: readonly number[]): Promise<Float64Array> {
  const { embedding, hiddenSize } = run.spec;
  const table = (await run.weight('embedding.weight'))!;
  let rows = new Float64Array(ids.length * embedding.size);
  ids.forEach((id, position) => {
    for (let i = 0; i < embedding.size; i++) {
      rows[position * embedding.size + i] = table[id * embedding.size + i]! * embedding.scale;
    }
  });
  if (embedding.size !== hiddenSize) rows = await project(run, 'embedding_in', rows, embedding.size);
  if (!embedding.learnedPositions) return rows;
  const learned = (await run.weight('position_embedding.weight'))!;
  const start = embedding.learnedPositions.offset * hiddenSize;
  return rows.map((value, i) => value + learned[start + i]!);
}

async function head(run: Run, stream: Float64Array): Promise<void> {
  const { spec } = run;
  const { size } = spec.embedding;
  let rows = spec.finalNorm ? await norm(run, spec.finalNorm, 'final_norm', stream, spec.hiddenSize) : stream;
  if (size !== spec.hiddenSize) rows = await project(run, 'embedding_out', rows, spec.hiddenSize);
  keep(run, 'hidden.head_input', rows, size);
  const scores = await project(run, spec.head.tied ? 'embedding' : 'head', rows, size);
  const { scale, softcap } = spec.head;
  const logits = scores.map((value) => cap(value * scale, softcap));
  keep(run, 'logits', logits, spec.vocabularySize);
}

async function attentionLayer(
  run: Run,
  layer: AttentionLayerSpec,
  index: number,
  stream: Float64Array,
): Promise<Float64Array> {
  const { norms } = layer;
  const prefix = `layers.${index}.`;
  const apply = (spec: NormSpec | null, name: string, rows: Float64Array) =>
    spec ? norm(run, spec, prefix + name, rows, run.spec.hiddenSize) : Promise.resolve(rows);

  const attended = await attention(
    run,
    layer,
    prefix,
    await apply(norms.attentionInput, 'attention_input_norm', stream),
  );
  let sum = add(stream, await apply(norms.attentionOutput, 'attention_output_norm', attended));
  sum = await apply(norms.attentionResidual, 'attention_residual_norm', sum);

  const input = await apply(norms.feedForwardInput, 'feed_forward_input_norm', sum);
  const fed = await feedForward(run, layer.feedForward, index, input);
  sum = add(sum, await apply(norms.feedForwardOutput, 'feed_forward_output_norm', fed));
  return apply(norms.feedForwardResidual, 'feed_forward_residual_norm', sum);
}

async function attention(
  run: Run,
  layer: AttentionLayerSpec,
  prefix: string,
  input: Float64Array,
): Promise<Float64Array> {
  const { attention: spec } = layer;
  const { heads, keyValueHeads, headDimension: width } = spec;
  const { positions } = run;
  const hidden = run.spec.hiddenSize;
  const prepared = async (name: 'query' | 'key', count: number) => {
    const projected = await project(run, prefix + name, input, hidden);
    const { queryKeyNorm } = spec;
    const normWidth = queryKeyNorm?.over === 'head' ? width : count * width;
    const normed = queryKeyNorm
      ? await norm(run, queryKeyNorm.norm, `${prefix}${name}_norm`, projected, normWidth)
      : projected;
    const clipped = clip(normed, spec.clip);
    if (spec.rope !== null) await rotate(run, run.spec.ropes[spec.rope]!, clipped, count, width);
    return clipped;
  };
  const query = await prepared('query', heads);
  const key = await prepared('key', keyValueHeads);
  const value = clip(await project(run, `${prefix}value`, input, hidden), spec.clip);

  const out = new Float64Array(positions * heads * width);
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor((head * keyValueHeads) / heads);
    for (let i = 0; i < positions; i++) {
      const first = spec.window === null ? 0 : Math.max(0, i - spec.window + 1);
      const scores = new Float64Array(i + 1 - first);
      for (let j = first; j <= i; j++) {
        let dot = 0;
        for (let c = 0; c < width; c++) {
          dot += query[(i * heads + head) * width + c]! * key[(j * keyValueHeads + shared) * width + c]!;
        }
        scores[j - first] = cap(dot * spec.scale, spec.softcap);
      }
      softmax(scores).forEach((share, n) => {
        const from = ((first + n) * keyValueHeads + shared) * width;
        for (let c = 0; c < width; c++) out[(i * heads + head) * width + c]! += share * value[from + c]!;
      });
    }
  }
  return project(run, `${prefix}output`, out, heads * width);
}

/** Rotates every head's leading components in place. */
async function rotate(
  run: Run,
  rope: RopeSpec,
  rows: Float64Array,
  heads: number,
  width: number,
): Promise<void> {
  const { inverse, magnitude, factorsWeight } = frequenciesForContext(rope, run.context);
  const factors = factorsWeight === null ? null : await run.weight(factorsWeight);
  const half = rope.dimensions / 2;
  for (let position = 0; position < run.positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = (position * inverse[i]!) / (factors?.[i] ?? 1);
      const [cos, sin] = [Math.cos(angle) * magnitude, Math.sin(angle) * magnitude];
      for (let head = 0; head < heads; head++) {
        const start = (position * heads + head) * width;
        const [a, b] =
          rope.style === 'halves' ? [start + i, start + i + half] : [start + 2 * i, start + 2 * i + 1];
        const [x, y] = [rows[a]!, rows[b]!];
        rows[a] = x * cos - y * sin;
        rows[b] = x * sin + y * cos;
      }
    }
  }
}

async function feedForward(
  run: Run,
  spec: FeedForwardSpec,
  layer: number,
  input: Float64Array,
): Promise<Float64Array> {
  const prefix = `layers.${layer}.`;
  if (spec.kind === 'experts') return experts(run, spec, layer, input);
  return multiLayer(run, spec.gated ? `${prefix}gate` : null, prefix, spec.activation, spec.size, input);
}

async function multiLayer(
  run: Run,
  gate: string | null,
  prefix: string,
  activation: Activation,
  size: number,
  input: Float64Array,
): Promise<Float64Array> {
  const hidden = run.spec.hiddenSize;
  const up = await project(run, `${prefix}up`, input, hidden);
  const gates = gate === null ? null : await project(run, gate, input, hidden);
  const inner = gates
    ? gates.map((value, i) => activate(activation, value) * up[i]!)
    : up.map((value) => activate(activation, value));
  return project(run, `${prefix}down`, inner, size);
}

async function experts(
  run: Run,
  spec: Extract<FeedForwardSpec, { kind: 'experts' }>,
  layer: number,
  input: Float64Array,
): Promise<Float64Array> {
  const { count, used } = spec;
  const width = run.spec.hiddenSize;
  const logits = await project(run, `layers.${layer}.router`, input, width);
  const chosen = new Int32Array(run.positions * used);
  const shares = new Float64Array(run.positions * used);
  for (let position = 0; position < run.positions; position++) {
    const all = softmax(logits.slice(position * count, (position + 1) * count));
    const best = [...all.keys()].sort((a, b) => all[b]! - all[a]! || a - b).slice(0, used);
    const sum = spec.normalizeChosen ? best.reduce((total, expert) => total + all[expert]!, 0) : 1;
    best.forEach((expert, n) => {
      chosen[position * used + n] = expert;
      shares[position * used + n] = all[expert]! / sum;
    });
  }
  keep(run, `router.${layer}.logits`, logits, count);
  keep(run, `router.${layer}.weights`, shares, used);
  run.result.set(`router.${layer}.topk`, { shape: [run.positions, used], data: chosen });
  const out = new Float64Array(input.length);
  for (let expert = 0; expert < count; expert++) {
    const prefix = `layers.${layer}.experts.${expert}.`;
    const returned = await multiLayer(run, `${prefix}gate`, prefix, spec.activation, spec.size, input);
    chosen.forEach((one, n) => {
      if (one !== expert) return;
      const start = Math.floor(n / used) * width;
      for (let i = 0; i < width; i++) out[start + i]! += shares[n]! * returned[start + i]!;
    });
  }
  return out;
}

/** rows · weightᵀ + bias, from `inputs` columns to as many as the weight has rows. */
async function project(
  { weight }: Run,
  name: string,
  rows: Float64Array,
  inputs: number,
): Promise<Float64Array<ArrayBuffer>> {
  const matrix = (await weight(`${name}.weight`))!;
  return linear(rows, inputs, matrix, await weight(`${name}.bias`));
}

/** rows · matrixᵀ + bias; matrix is [outputs, inputs]. */
export function linear(
  rows: Float64Array,
  inputs: number,
  matrix: Float32Array,
  bias: Float32Array | null,
): Float64Array<ArrayBuffer> {
  const outputs = matrix.length / inputs;
  const positions = rows.length / inputs;
  const out = new Float64Array(positions * outputs);
  for (let output = 0; output < outputs; output++) {
    for (let position = 0; position < positions; position++) {
      let sum = bias?.[output] ?? 0;
      for (let i = 0; i < inputs; i++) sum += matrix[output * inputs + i]! * rows[position * inputs + i]!;
      out[position * outputs + output] = sum;
    }
  }
  return out;
}

async function norm(
  { weight }: Run,
  spec: NormSpec,
  name: string,
  rows: Float64Array,
  width: number,
): Promise<Float64Array> {
  return normRows(spec, rows, width, (await weight(`${name}.weight`))!, await weight(`${name}.bias`));
}

/** Norms each run of `width` values; a weight longer than that goes on with the next run. */
export function normRows(
  spec: NormSpec,
  rows: Float64Array,
  width: number,
  weight: Float32Array,
  bias: Float32Array | null,
): Float64Array {
  const out = new Float64Array(rows.length);
  for (let start = 0; start < rows.length; start += width) {
    const row = rows.subarray(start, start + width);
    const mean = spec.kind === 'layer' ? row.reduce((sum, value) => sum + value, 0) / width : 0;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    const factor = 1 / Math.sqrt(variance + spec.epsilon);
    row.forEach((value, i) => {
      const at = (start + i) % weight.length;
      out[start + i] = (value - mean) * factor * (weight[at]! + spec.weightOffset) + (bias?.[at] ?? 0);
    });
  }
  return out;
}

function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}

function clip(rows: Float64Array, limit: number | null): Float64Array {
  return limit === null ? rows : rows.map((value) => Math.min(limit, Math.max(-limit, value)));
}

function cap(value: number, limit: number | null): number {
  return limit === null ? value : limit * Math.tanh(value / limit);
}

function softmax(scores: Float64Array): Float64Array {
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

export function activate(activation: Activation, x: number): number {
  switch (activation) {
    case 'silu':
      return x / (1 + Math.exp(-x));
    case 'relu':
      return Math.max(0, x);
    case 'gelu-tanh':
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case 'gelu':
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
  }
}

/** Abramowitz and Stegun 7.1.5 (series) up to 3, beyond it 7.1.14 (continued fraction). */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-17; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction)));
}
