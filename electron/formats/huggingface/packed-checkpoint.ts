/**
 * GPTQ and AWQ checkpoints: groups of tensors `<module>.qweight`, `.scales`, `.qzeros`, `.g_idx` become one QuantizedMatrix named
 * `<module>.weight`. Layouts as AutoGPTQ / GPTQModel and AutoAWQ (GEMM) write them. Bits and group size are taken from the shapes, so
 * that per-module overrides (`dynamic`, `modules_to_not_convert`) hold without running the regular expressions a stranger wrote.
 */
import { badFile, LabError } from '../../contract/errors.ts';
import type {
  Json,
  JsonObject,
  QuantizedMatrix,
  TensorInfo,
  TensorType,
} from '../../contract/model-source.ts';
import { readOptionalJson, type JsonFile } from '../json.ts';
import { isObject } from './folder-files.ts';

export interface PackedScheme {
  readonly layout: 'gptq' | 'awq';
  /** Columns per scale where the shapes leave a choice; −1: all. */
  readonly groupSize: number;
  readonly zeroPointOffset: 0 | 1;
}

/** A quantization_config, or the file of its own that older checkpoints have, and where to say it stands. */
interface Quantization {
  readonly file: string;
  readonly prefix: string;
  readonly method: string;
  readonly value: JsonObject;
}

/** Files that AutoGPTQ and AutoAWQ wrote before config.json held quantization_config. */
const olderFiles = [
  { name: 'quantize_config.json', method: 'gptq' },
  { name: 'quant_config.json', method: 'awq' },
];

/** How the folder's weights are packed; null where they are not. Throws unsupported-feature or bad-file. */
export async function readPackedScheme(folder: string, config: JsonFile): Promise<PackedScheme | null> {
  const quantization = await findQuantization(folder, config);
  if (!quantization) return null;
  if (quantization.method === 'gptq') return gptqScheme(quantization);
  if (quantization.method === 'awq') return awqScheme(quantization);
  return refuse(quantization, 'quant_method');
}

async function findQuantization(folder: string, config: JsonFile): Promise<Quantization | null> {
  const value = config.value['quantization_config'] ?? null;
  if (value !== null) {
    if (!isObject(value))
      throw badFile('expected an object', { file: config.name, field: 'quantization_config' });
    const method = lower(value['quant_method'], 'gptq');
    return { file: config.name, prefix: 'quantization_config.', method, value };
  }
  for (const { name, method } of olderFiles) {
    const older = await readOptionalJson(folder, name);
    if (older) return { file: name, prefix: '', method, value: older.value };
  }
  return null;
}

function refuse({ file, prefix, value }: Quantization, key: string): never {
  const field = prefix + key;
  const shown = JSON.stringify(value[key] ?? null).slice(0, 100);
  throw new LabError('unsupported-feature', `${file}, ${field}: ${shown} is not supported.`, { file, field });
}

const lower = (value: Json | undefined, otherwise: string) =>
  typeof value === 'string' ? value.toLowerCase() : value === undefined || value === null ? otherwise : '';

function groupSizeOf({ file, prefix, value }: Quantization): number {
  const size = value['group_size'] ?? value['q_group_size'] ?? -1;
  if (typeof size === 'number' && (size === -1 || (Number.isInteger(size) && size > 0))) return size;
  throw badFile('expected −1 or a positive whole number', { file, field: `${prefix}group_size` });
}

function gptqScheme(quantization: Quantization): PackedScheme {
  const { value } = quantization;
  const format = lower(value['checkpoint_format'], 'gptq');
  if (format !== 'gptq' && format !== 'gptq_v2') refuse(quantization, 'checkpoint_format');
  return {
    layout: 'gptq',
    groupSize: groupSizeOf(quantization),
    zeroPointOffset: format === 'gptq' ? 1 : 0,
  };
}

function awqScheme(quantization: Quantization): PackedScheme {
  const { value } = quantization;
  if (lower(value['version'], 'gemm') !== 'gemm') refuse(quantization, 'version');
  for (const key of ['bits', 'w_bit']) if ((value[key] ?? 4) !== 4) refuse(quantization, key);
  return { layout: 'awq', groupSize: groupSizeOf(quantization), zeroPointOffset: 0 };
}

const floatTypes: readonly TensorType[] = ['F16', 'BF16', 'F32'];
const packedSuffix = '.qweight';

/** Every packed matrix of the table, by the plain weight's name. Throws bad-file where shapes or types disagree. */
export function findPackedMatrices(
  tensors: ReadonlyMap<string, TensorInfo>,
  scheme: PackedScheme | null,
  fileName: (tensor: TensorInfo) => string,
): Map<string, QuantizedMatrix> {
  const matrices = new Map<string, QuantizedMatrix>();
  for (const [name, codes] of tensors) {
    if (!name.endsWith(packedSuffix)) continue;
    const fail = (message: string): never => {
      throw badFile(message, { file: fileName(codes), field: name, offset: codes.offset });
    };
    if (!scheme) return fail('packed weights, but config.json has no quantization_config');
    const module = name.slice(0, -packedSuffix.length);
    const weight = `${module}.weight`;
    if (tensors.has(weight)) fail(`both packed and plain (${weight})`);
    const parts = {
      codes,
      scales: tensors.get(`${module}.scales`) ?? fail('the scales are missing'),
      zeroPoints: tensors.get(`${module}.qzeros`) ?? null,
      groupIndex: tensors.get(`${module}.g_idx`) ?? null,
    };
    matrices.set(weight, packedMatrix(weight, parts, scheme, fail));
  }
  return matrices;
}

type Parts = Pick<QuantizedMatrix, 'codes' | 'scales' | 'zeroPoints' | 'groupIndex'>;
type Fail = (message: string) => never;

function packedMatrix(name: string, parts: Parts, scheme: PackedScheme, fail: Fail): QuantizedMatrix {
  const { codes, scales, zeroPoints, groupIndex } = parts;
  const [first, second] = sizes(codes, ['I32'], fail);
  const [groups, rows] = sizes(scales, floatTypes, fail);
  const gptq = scheme.layout === 'gptq';
  const bits = gptq ? gptqBits(rows, zeroPoints, fail) : 4;
  const columns = gptq ? (first * 32) / bits : first;
  if (!Number.isInteger(columns)) fail(`${first} words of ${bits}-bit codes are not whole`);
  if ((gptq ? second : second * 8) !== rows) fail(`the codes and the scales disagree about ${rows} outputs`);
  if (zeroPoints) {
    const [zeroGroups, words] = sizes(zeroPoints, ['I32'], fail);
    if (zeroGroups !== groups || words * 32 !== rows * bits) fail('the zero points do not fit the scales');
  }
  if (
    groupIndex &&
    (groupIndex.type !== 'I32' || groupIndex.shape.length !== 1 || groupIndex.shape[0] !== columns)
  ) {
    fail(`g_idx must hold ${columns} I32`);
  }
  const blockSize = blockSizeOf(columns, groups, scheme.groupSize, fail);
  const { layout, zeroPointOffset } = scheme;
  return {
    name,
    layout,
    rows,
    columns,
    bits,
    blockSize,
    codes,
    scales,
    zeroPoints,
    zeroPointOffset,
    // Kept whatever desc_act says: `dynamic` may differ, and reading it shows whether the groups lie in order.
    groupIndex,
  };
}

function sizes(tensor: TensorInfo, types: readonly TensorType[], fail: Fail): [number, number] {
  if (!types.includes(tensor.type)) fail(`${tensor.name}: unexpected type ${tensor.type}`);
  const [first, second] = tensor.shape;
  if (!first || !second || tensor.shape.length !== 2) {
    return fail(`${tensor.name}: the shape [${tensor.shape.join(', ')}] is not that of a matrix`);
  }
  return [first, second];
}

/** GPTQ packs the inputs, so that their count follows from the bits; the bits follow from the zero points. */
function gptqBits(rows: number, zeroPoints: TensorInfo | null, fail: Fail): number {
  if (!zeroPoints) return fail('the zero points are missing');
  const bits = (sizes(zeroPoints, ['I32'], fail)[1] * 32) / rows;
  if ([2, 3, 4, 8].includes(bits)) return bits;
  return fail(`the shapes give codes of ${bits} bits; 2, 3, 4 and 8 are known`);
}

function blockSizeOf(columns: number, groups: number, stated: number, fail: Fail): number {
  if (groups === 1 && (stated === -1 || stated >= columns)) return columns;
  if (stated > 0 && Math.ceil(columns / stated) === groups) return stated;
  return columns % groups === 0 ? columns / groups : fail(`${groups} groups do not divide ${columns} inputs`);
}
