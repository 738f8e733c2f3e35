/** What the headers say, for people and for the library. */
import type { ModelSummary, TensorSummary } from '../../contract/model-summary.ts';
import { toLabError } from '../../contract/errors.ts';
import type {
  ModelSource,
  QuantizedMatrix,
  TensorInfo,
  TokenizerSource,
} from '../../contract/model-source.ts';
import type { PackContents } from '../../contract/pack.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { groupBytes, groupCount } from '../../formats/pack/layout.ts';
import { resolveModel, resolveSpec } from '../../../models/families/index.ts';
import type { AttentionLayerSpec, ModelSpec } from '../../../models/families/model-spec.ts';
import { upperHalfOf } from '../onnx/graph/linear.ts';
import {
  contextLength,
  decoderInputs,
  kvBytesPerToken,
  type DecoderInputs,
} from '../onnx/exported/decoder-inputs.ts';

/** Reads headers only. Throws what the readers throw; an unsupported architecture is no error but `supported: false` with the reason. */
export async function inspect(path: string): Promise<ModelSummary> {
  const source = await readModelSource(path);
  const { spec, reason } = specOf(source);
  return {
    name: source.name,
    format: source.format,
    ...(source.pack && { packOf: originOf(source.pack) }),
    architecture: source.architecture,
    supported: reason === null,
    unsupportedReason: reason,
    identity: await modelIdentity(source),
    parameters: parameterCount(source),
    bytes: source.files.reduce((sum, file) => sum + file.bytes, 0),
    ...(spec ? sizes(spec) : sizesOfGraph(source)),
    types: source.pack?.origin.recipe === undefined ? bytesByType(source) : bytesByLayout(source.pack),
    tokenizer: source.tokenizer && tokenizerName(source.tokenizer),
    chatTemplate: source.templates.length > 0,
    ...weightsProblem(source),
    files: source.files.map(({ name, bytes }) => ({ name, bytes })),
    tensors: source.pack ? packTensors(source.pack, source.files[0]!.name) : tensorsOf(source),
  };
}

function originOf({ origin: { name, format, identity, recipe } }: PackContents) {
  return { name, format, identity, ...(recipe !== undefined && { recipe }) };
}

function specOf(source: ModelSource): { spec: ModelSpec | null; reason: string | null } {
  try {
    return { spec: resolveSpec(source), reason: null };
  } catch (error) {
    const known = toLabError(error);
    // An exported graph brings its own computation: it needs no family.
    if (source.graphs.length > 0) return { spec: null, reason: null };
    if (!known.code.startsWith('unsupported')) throw known;
    return { spec: null, reason: known.message };
  }
}

function sizes(spec: ModelSpec) {
  const layers = spec.layers.filter((layer) => layer.kind === 'attention');
  const attention = layers[0]?.attention;
  const feedForward = layers.find(({ feedForward }) => feedForward.kind === 'experts')?.feedForward;
  return {
    layers: spec.layers.length,
    hiddenSize: spec.hiddenSize,
    vocabularySize: spec.vocabularySize,
    contextLength: spec.contextLength,
    heads: attention?.heads ?? null,
    keyValueHeads: attention?.keyValueHeads ?? null,
    headDimension: attention?.headDimension ?? null,
    experts: feedForward?.kind === 'experts' ? feedForward.count : null,
    kvBytesPerToken: layers.reduce((sum, layer) => sum + kvBytes(layer), 0),
  };
}

/** As far as an exported graph says it; what it cannot be fed says nothing. */
function sizesOfGraph(source: ModelSource) {
  const known = graphInputs(source);
  return {
    ...{ layers: null, heads: null, keyValueHeads: null, headDimension: null, experts: null },
    hiddenSize: known?.hiddenSize ?? null,
    vocabularySize: known?.vocabularySize ?? null,
    contextLength: known && contextLength(source),
    kvBytesPerToken: known && kvBytesPerToken(known.past),
  };
}

function graphInputs(source: ModelSource): DecoderInputs | null {
  try {
    return decoderInputs(source);
  } catch {
    return null;
  }
}

function weightsProblem(source: ModelSource): { weightsProblem?: string } {
  if (source.graphs.length === 0) return {};
  try {
    resolveModel(source);
    return {};
  } catch (error) {
    return { weightsProblem: toLabError(error).message };
  }
}

/** One key and one value row per KV head, float32. */
function kvBytes({ attention }: AttentionLayerSpec): number {
  return 2 * 4 * attention.keyValueHeads * attention.headDimension;
}

function parts({ codes, scales, zeroPoints, groupIndex }: QuantizedMatrix): (TensorInfo | null)[] {
  return [codes, scales, zeroPoints, groupIndex];
}

/** Elements of all weights; a packed matrix counts as what it stands for, one stored as two halves, or named twice, once. */
function parameterCount(source: ModelSource): number {
  const matrices = [...source.matrices.values()];
  const packed = new Set(matrices.flatMap((matrix) => parts(matrix).map((part) => part?.name)));
  const plain = onceStored(source).filter((tensor) => !packed.has(tensor.name));
  const elements = plain.reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const once = new Set(onceStored(source));
  const isCounted = ({ name, codes: own }: QuantizedMatrix) =>
    once.has(own) && !source.matrices.has(upperHalfOf(name) ?? '');
  return matrices.filter(isCounted).reduce((sum, { rows, columns }) => sum + rows * columns, elements);
}

const placeOf = ({ file, offset }: TensorInfo) => `${file}:${offset}`;

/** A graph may name the same bytes twice: token rows as a matrix and as a table to look up. Matrices first, so that what remains is theirs. */
function onceStored({ tensors, matrices, graphs }: ModelSource): TensorInfo[] {
  const all = [...tensors.values()];
  if (graphs.length === 0) return all;
  const codes = new Set([...matrices.values()].map((matrix) => matrix.codes));
  const seen = new Set<string>();
  return [...codes, ...all.filter((tensor) => !codes.has(tensor))].filter((tensor) => {
    const place = placeOf(tensor);
    if (seen.has(place)) return false;
    seen.add(place);
    return true;
  });
}

/** Codes of a packed matrix go by what they are: their tensors are bytes or integers. */
function bytesByType(source: ModelSource): Record<string, number> {
  const packed = new Map([...source.matrices.values()].map((matrix) => [matrix.codes.name, matrix]));
  const types: Record<string, number> = {};
  for (const tensor of onceStored(source)) {
    const { type, bytes } = tensor;
    const matrix = packed.get(tensor.name);
    const what = matrix ? `${layoutNames[matrix.layout]} ${matrix.bits}-bit` : type;
    types[what] = (types[what] ?? 0) + bytes;
  }
  return types;
}

const layoutNames = { matmulnbits: 'MatMulNBits', gptq: 'GPTQ', awq: 'AWQ' } as const;

/** Of weights that were quantized for the pack: its tensor table is that of the model they were made of. */
function bytesByLayout({ matrices, vectors }: PackContents): Record<string, number> {
  const types: Record<string, number> = {};
  for (const { layout, rows, columns } of matrices.values()) {
    types[layout.name] = (types[layout.name] ?? 0) + groupCount(rows) * groupBytes(layout, columns);
  }
  for (const { count, type } of vectors.values()) types[type] = (types[type] ?? 0) + 4 * count;
  return types;
}

function tokenizerName(tokenizer: TokenizerSource): string {
  if (tokenizer.kind === 'gguf') return `${tokenizer.model} (${tokenizer.preTokenizer || 'default'})`;
  const { model } = tokenizer.tokenizer;
  const type = typeof model === 'object' && model !== null && 'type' in model ? model['type'] : null;
  return typeof type === 'string' ? type : 'tokenizer.json';
}

function tensorsOf(source: ModelSource): TensorSummary[] {
  const matrices = [...source.matrices.values()];
  const byCodes = new Map(matrices.map((matrix) => [matrix.codes.name, matrix]));
  const owners = new Map(
    matrices.flatMap((matrix) => parts(matrix).map((part) => [part?.name, matrix.codes.name] as const)),
  );
  return [...source.tensors.values()].map(({ name, type, shape, file, offset, bytes }) => {
    const matrix = byCodes.get(name);
    const partOf = owners.get(name);
    return {
      ...{ name, type, shape: [...shape], file: source.files[file]?.name ?? '', offset, bytes },
      ...(matrix && { weights: { count: matrix.rows * matrix.columns, bytes: partBytes(matrix) } }),
      ...(!matrix && partOf !== undefined && { partOf }),
    };
  });
}

function partBytes(matrix: QuantizedMatrix): number {
  return parts(matrix).reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
}

/** What lies in a pack, under canonical names; its tensor table is that of the model it was made of. */
function packTensors({ matrices, vectors, records }: PackContents, file: string): TensorSummary[] {
  const offsetOf = (record = 0, offset = 0) => records.offsets[record]! + offset;
  return [
    ...[...matrices].map(([name, { rows, columns, layout, tiles }]) => ({
      ...{ name, type: layout.name, shape: [rows, columns], file },
      offset: offsetOf(tiles[0]?.record, tiles[0]?.offset),
      bytes: groupCount(rows) * groupBytes(layout, columns),
    })),
    ...[...vectors].map(([name, { type, count, record, offset }]) => ({
      ...{ name, type: type.toUpperCase(), shape: [count], file },
      offset: offsetOf(record, offset),
      bytes: 4 * count,
    })),
  ];
}
