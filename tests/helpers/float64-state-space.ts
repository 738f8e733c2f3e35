/** The state-space blocks of Mamba (arXiv 2312.00752) and Mamba-2 (arXiv 2405.21060), step by step in float64. */
import type { StateSpaceLayerSpec } from '../../models/families/model-spec.ts';
import { activate, linear, normRows, type WeightReader } from './float64-forward.ts';

const silu = (x: number) => activate('silu', x);
const softplus = (x: number) => (x > 30 ? x : Math.log1p(Math.exp(x)));

/** What the block adds to the residual stream, from normed rows (S, hidden). */
export async function stateSpace(
  layer: StateSpaceLayerSpec,
  prefix: string,
  weight: WeightReader,
  input: Float64Array,
  positions: number,
): Promise<Float64Array> {
  const read = async (name: string) => (await weight(prefix + name))!;
  const hidden = input.length / positions;
  const projected = linear(input, hidden, await read('in.weight'), await weight(`${prefix}in.bias`));
  const inner =
    layer.version === 1
      ? await scan1(layer, read, projected, positions)
      : await scan2(layer, read, projected, positions);
  return linear(inner, layer.innerSize, await read('out.weight'), await weight(`${prefix}out.bias`));
}

type Read = (name: string) => Promise<Float32Array>;

/** −exp(a_log), or what GGUF stores as such. */
async function decay(read: Read): Promise<Float64Array> {
  const stored = (await read('a')) as Float32Array | null;
  return stored ? Float64Array.from(stored) : Float64Array.from(await read('a_log'), (a) => -Math.exp(a));
}

/** Columns [start, start + count) of rows that are `width` wide. */
function columns(rows: Float64Array, width: number, start: number, count: number): Float64Array {
  const out = new Float64Array((rows.length / width) * count);
  for (let i = 0; i < out.length; i++) {
    out[i] = rows[Math.floor(i / count) * width + start + (i % count)]!;
  }
  return out;
}

/** Each channel sees its own last `kernel` values, the newest last; then SiLU. */
async function convolve(
  read: Read,
  rows: Float64Array,
  channels: number,
  kernel: number,
): Promise<Float64Array> {
  const weight = await read('convolution.weight');
  const bias = (await read('convolution.bias')) as Float32Array | null;
  return rows.map((_, at) => {
    const channel = at % channels;
    let sum = bias?.[channel] ?? 0;
    for (let k = 0; k < kernel; k++) {
      const from = at - (kernel - 1 - k) * channels;
      if (from >= 0) sum += weight[channel * kernel + k]! * rows[from]!;
    }
    return silu(sum);
  });
}

async function scan1(
  layer: StateSpaceLayerSpec,
  read: Read,
  projected: Float64Array,
  positions: number,
): Promise<Float64Array> {
  const { innerSize, stateSize, timeStepRank } = layer;
  const gate = columns(projected, 2 * innerSize, innerSize, innerSize);
  const x = await convolve(
    read,
    columns(projected, 2 * innerSize, 0, innerSize),
    innerSize,
    layer.convolution,
  );
  const width = timeStepRank + 2 * stateSize;
  const parameters = linear(x, innerSize, await read('x.weight'), null);
  const rank = columns(parameters, width, 0, timeStepRank);
  const step = linear(rank, timeStepRank, await read('time_step.weight'), await read('time_step.bias')).map(
    softplus,
  );
  const [a, d] = [await decay(read), await read('d')];
  const state = new Float64Array(innerSize * stateSize);
  const out = new Float64Array(positions * innerSize);
  for (let at = 0; at < out.length; at++) {
    const channel = at % innerSize;
    const row = Math.floor(at / innerSize) * width + timeStepRank;
    let sum = x[at]! * d[channel]!;
    for (let n = 0; n < stateSize; n++) {
      const cell = channel * stateSize + n;
      const [b, c] = [parameters[row + n]!, parameters[row + stateSize + n]!];
      state[cell] = Math.exp(a[cell]! * step[at]!) * state[cell]! + step[at]! * b * x[at]!;
      sum += state[cell] * c;
    }
    out[at] = sum * silu(gate[at]!);
  }
  return out;
}

async function scan2(
  layer: StateSpaceLayerSpec,
  read: Read,
  projected: Float64Array,
  positions: number,
): Promise<Float64Array> {
  const { innerSize, stateSize, heads, groups, timeStepLimit, gateNormGroups } = layer;
  const channels = innerSize + 2 * groups * stateSize;
  const width = innerSize + channels + heads;
  const gate = columns(projected, width, 0, innerSize);
  const mixed = await convolve(
    read,
    columns(projected, width, innerSize, channels),
    channels,
    layer.convolution,
  );
  const bias = await read('time_step.bias');
  const step = columns(projected, width, innerSize + channels, heads).map((value, i) => {
    const positive = softplus(value + bias[i % heads]!);
    return timeStepLimit
      ? Math.min(timeStepLimit.maximum, Math.max(timeStepLimit.minimum, positive))
      : positive;
  });
  const [a, d] = [await decay(read), await read('d')];
  const headWidth = innerSize / heads;
  const state = new Float64Array(innerSize * stateSize);
  const out = new Float64Array(positions * innerSize);
  for (let at = 0; at < out.length; at++) {
    const [position, channel] = [Math.floor(at / innerSize), at % innerSize];
    const head = Math.floor(channel / headWidth);
    const row = position * channels;
    const group = row + innerSize + Math.floor((head * groups) / heads) * stateSize;
    const [x, t] = [mixed[row + channel]!, step[position * heads + head]!];
    let sum = x * d[head]!;
    for (let n = 0; n < stateSize; n++) {
      const cell = channel * stateSize + n;
      state[cell] = Math.exp(a[head]! * t) * state[cell]! + t * mixed[group + n]! * x;
      sum += state[cell] * mixed[group + groups * stateSize + n]!;
    }
    out[at] = sum * silu(gate[at]!);
  }
  return normRows(layer.norm, out, innerSize / gateNormGroups, await read('gate_norm.weight'), null);
}
