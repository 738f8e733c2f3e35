/**
 * Packed weight matrices of a graph: MatMulNBits nodes, and GatherBlockQuantized token tables, which share their layout
 * (onnxruntime docs/ContribOperators.md). Their names follow the weight's, without the quantizer's suffix.
 */
import { badFile } from '../../contract/errors.ts';
import type { QuantizedMatrix, TensorInfo } from '../../contract/model-source.ts';
import type { GraphProto, NodeProto } from './protobuf.ts';

/** weight_Q4 (default), weight_Q4G32 (rtn, k_quant), weight_quant (older tools). */
const quantizerSuffix = /_(Q\d+(G\d+)?|quant(ized)?)$/;

/** Throws bad-file where a node's attributes and its tensors disagree. */
export function findMatrices(
  graph: GraphProto,
  tensors: ReadonlyMap<string, TensorInfo>,
  file: string,
): Map<string, QuantizedMatrix> {
  const matrices = new Map<string, QuantizedMatrix>();
  for (const node of graph.node) {
    if (node.domain !== 'com.microsoft') continue;
    if (node.opType === 'MatMulNBits') add(matrices, multiplied(node, tensors, file));
    else if (node.opType === 'GatherBlockQuantized') add(matrices, gathered(node, tensors, file));
  }
  return matrices;
}

function add(matrices: Map<string, QuantizedMatrix>, matrix: QuantizedMatrix | null): void {
  if (matrix && !matrices.has(matrix.name)) matrices.set(matrix.name, matrix);
}

/** Inputs A, B, scales, zero_points. Null where the weights are computed in the graph. */
function multiplied(
  node: NodeProto,
  tensors: ReadonlyMap<string, TensorInfo>,
  file: string,
): QuantizedMatrix | null {
  const [, weights = '', scales = '', zeroPoints = ''] = node.input;
  const found = lookUp(node, tensors, { weights, scales, zeroPoints });
  if (!found) return null;
  const rows = integer(node, 'N', null, file);
  const columns = integer(node, 'K', null, file);
  const bits = integer(node, 'bits', 4, file);
  const blockSize = integer(node, 'block_size', null, file);
  return checked(node, file, { rows, columns, bits, blockSize, ...found });
}

/** Inputs data, indices, scales, zero_points: a table [V, H·bits/8] packed in blocks along its rows. */
function gathered(
  node: NodeProto,
  tensors: ReadonlyMap<string, TensorInfo>,
  file: string,
): QuantizedMatrix | null {
  const [weights = '', , scales = '', zeroPoints = ''] = node.input;
  const found = lookUp(node, tensors, { weights, scales, zeroPoints });
  // (u)int4 tables count in elements and have another default zero point: nothing makes them for decoders.
  if (!found || found.codes.type !== 'U8' || integer(node, 'gather_axis', 0, file) !== 0) return null;
  const bits = integer(node, 'bits', 4, file);
  const [rows = 0, width = 0] = found.codes.shape;
  const columns = (width * 8) / bits;
  return checked(node, file, {
    rows,
    columns,
    bits,
    blockSize: integer(node, 'block_size', 128, file),
    ...found,
  });
}

type Parts = Pick<QuantizedMatrix, 'codes' | 'scales' | 'zeroPoints' | 'name'>;

function lookUp(
  node: NodeProto,
  tensors: ReadonlyMap<string, TensorInfo>,
  names: { weights: string; scales: string; zeroPoints: string },
): Parts | null {
  const codes = tensors.get(names.weights);
  const scales = tensors.get(names.scales);
  const zeroPoints = tensors.get(names.zeroPoints) ?? null;
  if (!codes || !scales || (names.zeroPoints !== '' && !zeroPoints)) return null;
  return { codes, scales, zeroPoints, name: weightName(node, names.weights) };
}

/**
 * Torch's exporter numbers weights (`onnx::MatMul_1019`): then the node's path tells which one it is, `/model/layers.0/mlp/up_proj/MatMul_Q4`
 * → `model.layers.0.mlp.up_proj.MatMul.weight`. A gather is named by its node too: a tied table bears the head's name.
 */
function weightName(node: NodeProto, initializer: string): string {
  const isNamed = !initializer.includes('::') && node.opType === 'MatMulNBits';
  if (isNamed || node.name === '') return initializer.replace(quantizerSuffix, '');
  const path = node.name
    .replace(quantizerSuffix, '')
    .split('/')
    .filter((part) => part !== '');
  if (node.opType === 'GatherBlockQuantized') path.pop();
  return `${path.join('.')}.weight`;
}

function integer(node: NodeProto, name: string, fallback: number | null, file: string): number {
  const attribute = node.attribute.find((one) => one.name === name);
  const value = attribute ? Number(attribute.i) : fallback;
  if (value !== null && Number.isSafeInteger(value) && value >= 0) return value;
  throw badFile(`the attribute ${name} of ${node.opType} is missing or out of range`, {
    file,
    field: node.name.slice(0, 200),
  });
}

function checked(
  node: NodeProto,
  file: string,
  matrix: Omit<QuantizedMatrix, 'layout' | 'zeroPointOffset' | 'groupIndex'>,
): QuantizedMatrix {
  const { rows, columns, bits, blockSize, codes, scales, zeroPoints } = matrix;
  const fail = (message: string): never => {
    throw badFile(message, { file, field: (node.name || node.opType).slice(0, 200) });
  };
  if (bits !== 2 && bits !== 4 && bits !== 8) fail(`${bits} bits; 2, 4 and 8 are known`);
  if (blockSize < 16 || !Number.isInteger(Math.log2(blockSize))) {
    fail(`a block size of ${blockSize}; it must be a power of 2 of at least 16`);
  }
  const blocks = Math.ceil(columns / blockSize);
  const elements = ({ shape }: TensorInfo) => shape.reduce((product, size) => product * size, 1);
  const isGather = node.opType === 'GatherBlockQuantized';
  const rowBytes = isGather ? (columns * bits) / 8 : (blocks * blockSize * bits) / 8;
  if (codes.type !== 'U8' || codes.bytes !== rows * rowBytes) {
    fail(`the weights [${codes.shape.join(', ')}] do not fit ${rows} × ${columns} of ${bits} bits`);
  }
  if (elements(scales) !== rows * blocks) fail(`${elements(scales)} scales; ${rows * blocks} are needed`);
  const zeroRow = zeroPoints?.type === 'U8' ? Math.ceil((blocks * bits) / 8) : blocks;
  if (zeroPoints && elements(zeroPoints) !== rows * zeroRow) {
    fail(`${elements(zeroPoints)} zero points; ${rows * zeroRow} are needed`);
  }
  return { ...matrix, layout: 'matmulnbits', zeroPointOffset: 0, groupIndex: null };
}
