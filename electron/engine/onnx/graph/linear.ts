/**
 * How a weight matrix [outputs N, inputs K] is stored and multiplied in a built graph.
 *
 * blocks: codes c with a scale per block of K, w = scale·(c − zero) + offset. As MatMulNBits with its default zero point 2^(bits−1), plus
 * (block sums of the input)·(offset matrix) where offsets are not all zero: float zero points would say the same but run 70 to 90
 * times slower on the CPU. In reference arithmetic 8-bit codes are two 4-bit halves, c = 16·high + low, because MatMulNBits has no float
 * kernel for single rows of 8-bit codes (168 ms against 8 ms for 49152 × 576 on two AVX2 cores).
 * float: float32 values, Gemm with the matrix as it lies.
 */
import type { GraphWriter } from './graph-writer.ts';
import type { WeightFile } from './weight-file.ts';
import type { Arithmetic } from '../../engine.ts';
import { packCodes, type Blocks, type OrderedBlocks, type RoundedMatrix } from '../../packed-blocks.ts';

export type Linear =
  | { readonly kind: 'float'; readonly weight: string; readonly rows: number; readonly columns: number }
  | {
      readonly kind: 'blocks';
      readonly rows: number;
      readonly columns: number;
      readonly blockSize: number;
      readonly parts: readonly BlockPart[];
      readonly offsets: string | null;
      readonly columnOrder: readonly number[] | null;
    };

/** Codes around MatMulNBits' own zero point, 2^(bits−1), or around those given. */
interface BlockPart {
  readonly bits: number;
  readonly codes: string;
  readonly scales: string;
  /** Null: that of MatMulNBits. */
  readonly zeroPoints: string | null;
}

/** MatMulNBits accuracy levels: 1 computes in float32, 4 quantizes the input to 8 bits per block. */
const accuracyLevel: Record<Arithmetic, number> = { reference: 1, fast: 4 };

export async function writeFloat(
  file: WeightFile,
  name: string,
  data: Float32Array,
  rows: number,
  columns: number,
): Promise<Linear> {
  return { kind: 'float', weight: await file.write(name, [rows, columns], data), rows, columns };
}

/** Whether MatMulNBits takes these blocks: its block sizes are powers of two from 16, and whole blocks make a row here. */
export function fitsMatMulNBits(blockSize: number, columns: number): boolean {
  return blockSize >= 16 && Number.isInteger(Math.log2(blockSize)) && columns % blockSize === 0;
}

export async function writeBlocks(
  file: WeightFile,
  name: string,
  { blocks, columnOrder }: OrderedBlocks,
  size: { readonly rows: number; readonly columns: number },
  arithmetic: Arithmetic,
): Promise<Linear> {
  const { blockSize } = blocks;
  const perRow = [size.rows, size.columns / blockSize];
  const storedBits = storageBits(blocks.bits, arithmetic);
  const codes = centred(blocks, storedBits);
  const halves = storedBits === 8 && arithmetic === 'reference';
  const parts = halves
    ? await writeHalves(file, name, codes, blocks.scales, perRow)
    : [
        await writePart(
          file,
          name,
          { bits: storedBits, codes: pack(codes, storedBits), scales: blocks.scales },
          perRow,
        ),
      ];
  const offsets = foldOffsets(blocks, halves ? 8 : 0);
  return {
    kind: 'blocks',
    ...size,
    blockSize,
    parts,
    offsets: offsets && (await file.write(`${name}.offsets`, perRow, offsets)),
    columnOrder: columnOrder && [...columnOrder],
  };
}

/**
 * Codes that were rounded for this file, around their zero points. In reference arithmetic 8-bit codes are halves with zero points of their own:
 * code − zero = 16·(high − zero's high) + (low − zero's low); and 2-bit codes are stored as 4 bits.
 */
export async function writeRounded(
  file: WeightFile,
  name: string,
  matrix: RoundedMatrix,
  arithmetic: Arithmetic,
): Promise<Linear> {
  const { rows, columns, bits, block: blockSize, codes, scales, zeroPoints } = matrix;
  const write = (part: string, stored: 2 | 4 | 8, own: RoundedMatrix) =>
    writePart(file, part, { bits: stored, ...partOf(own, stored) }, [rows, Math.ceil(columns / blockSize)]);
  const stored = storageBits(bits, arithmetic);
  const parts: BlockPart[] = [];
  if (stored === 8 && arithmetic === 'reference') {
    const points = zeroPoints ?? new Uint8Array(scales.length).fill(128);
    const half = (of: (code: number) => number) => ({ codes: codes.map(of), zeroPoints: points.map(of) });
    const high = half((code) => code >> 4);
    const onlyMiddle = zeroPoints === null ? { zeroPoints: null } : {};
    const factor = scales.map((scale) => scale * 16);
    parts.push(await write(`${name}.high`, 4, { ...matrix, ...high, ...onlyMiddle, scales: factor }));
    parts.push(await write(`${name}.low`, 4, { ...matrix, ...half((code) => code & 15) }));
  } else {
    const shift = 2 ** (stored - 1) - 2 ** (bits - 1);
    const moved = (values: Uint8Array) => (shift === 0 ? values : values.map((code) => code + shift));
    const own = { ...matrix, codes: moved(codes), zeroPoints: zeroPoints && moved(zeroPoints) };
    parts.push(await write(name, stored, own));
  }
  return { kind: 'blocks', rows, columns, blockSize, parts, offsets: null, columnOrder: null };
}

/** As MatMulNBits takes them: whole blocks of codes, and zero points whose rows fill bytes. */
function partOf(matrix: RoundedMatrix, bits: 2 | 4 | 8) {
  const { rows, columns, block, scales, zeroPoints } = matrix;
  const blocks = Math.ceil(columns / block);
  const wholeBytes = Math.ceil((blocks * bits) / 8) * (8 / bits);
  return {
    codes: packCodes(matrix.codes, matrix, bits),
    scales,
    zeroPoints: zeroPoints && packCodes(zeroPoints, { rows, columns: blocks, block: wholeBytes }, bits),
  };
}

/** scale·(code − 128) = 16·scale·(high − 8) + scale·(low − 8) + 8·scale: the last term is an offset, cheaper than zero points of the low half. */
async function writeHalves(
  file: WeightFile,
  name: string,
  codes: Uint8Array,
  scales: Float32Array,
  perRow: readonly number[],
): Promise<BlockPart[]> {
  const high = {
    bits: 4,
    codes: packNibbles(codes, (code) => code >> 4),
    scales: scales.map((scale) => scale * 16),
  };
  const low = { bits: 4, codes: packNibbles(codes, (code) => code & 15), scales };
  return [
    await writePart(file, `${name}.high`, high, perRow),
    await writePart(file, `${name}.low`, low, perRow),
  ];
}

async function writePart(
  file: WeightFile,
  name: string,
  part: {
    readonly bits: number;
    readonly codes: Uint8Array;
    readonly scales: Float32Array;
    readonly zeroPoints?: Uint8Array | null;
  },
  perRow: readonly number[],
): Promise<BlockPart> {
  const shape = [...perRow, part.codes.length / (perRow[0]! * perRow[1]!)];
  return {
    bits: part.bits,
    codes: await file.write(`${name}.codes`, shape, part.codes),
    scales: await file.write(`${name}.scales`, perRow, part.scales),
    zeroPoints: part.zeroPoints
      ? await file.write(`${name}.zero_points`, [part.zeroPoints.length], part.zeroPoints)
      : null,
  };
}

/** 2-bit codes have no float kernel for single rows either; everything between 4 and 8 is stored as 8. */
export function storageBits(bits: number, arithmetic: Arithmetic): 2 | 4 | 8 {
  if (bits <= 2 && arithmetic === 'fast') return 2;
  return bits <= 4 ? 4 : 8;
}

/** Codes moved so that their middle 2^(bits−1) lies on MatMulNBits' own zero point of the stored width. */
function centred(matrix: Blocks, storedBits: number): Uint8Array {
  const shift = 2 ** (storedBits - 1) - 2 ** (matrix.bits - 1);
  return shift === 0 ? matrix.codes : matrix.codes.map((code) => code + shift);
}

/** offset + scale·(middle − zero + more): what remains once codes are read from their middle; null where that is 0 everywhere. */
function foldOffsets(blocks: Blocks, more: number): Float32Array | null {
  const shift = 2 ** (blocks.bits - 1) - blocks.zero + more;
  if (!blocks.offsets && shift === 0) return null;
  return blocks.scales.map((scale, block) => (blocks.offsets?.[block] ?? 0) + scale * shift);
}

function packNibbles(codes: Uint8Array, half: (code: number) => number): Uint8Array {
  const packed = new Uint8Array(codes.length / 2);
  for (let i = 0; i < packed.length; i++) {
    packed[i] = half(codes[2 * i]!) | (half(codes[2 * i + 1]!) << 4);
  }
  return packed;
}

/** One code per byte → `bits` each, low bits first. */
function pack(codes: Uint8Array, bits: 2 | 4 | 8): Uint8Array {
  if (bits === 8) return codes;
  if (bits === 4) return packNibbles(codes, (code) => code);
  const packed = new Uint8Array(codes.length / 4);
  for (let i = 0; i < codes.length; i++) packed[i >> 2]! |= codes[i]! << (2 * (i & 3));
  return packed;
}

const partInputs = ({ codes, scales, zeroPoints }: BlockPart) =>
  zeroPoints === null ? [codes, scales] : [codes, scales, zeroPoints];

/** What the codes of a matrix are called where rows of them are looked up: the same bytes as [rows, bytes of a row]. */
export const asTable = (codes: string) => `${codes}.table`;

/** Of 8-bit codes that are two halves: what the upper one is called where `name` is the lower one; null for any other matrix. */
export function upperHalfOf(name: string): string | null {
  const upper = name.replace(/\.low(?=\.codes)/, '.high');
  return upper === name ? null : upper;
}

/** Multiplies rows [S, K] by matrices; block sums of one input are made once per block size. */
export class LinearEmitter {
  readonly #graph: GraphWriter;
  readonly #arithmetic: Arithmetic;
  readonly #sums = new Map<string, string>();

  constructor(graph: GraphWriter, arithmetic: Arithmetic) {
    this.#graph = graph;
    this.#arithmetic = arithmetic;
  }

  /** [S, K] → [S, N], plus the bias where there is one. */
  emit(input: string, linear: Linear, bias: string | null = null): string {
    if (linear.kind === 'float') return this.#timesPlus(input, linear.weight, bias);
    const product = this.#blocks(input, linear);
    return bias === null ? product : this.#graph.node('Add', [product, bias]);
  }

  /** Rows of a table: ids [S] → [S, K]. */
  rows(ids: string, table: Linear): string {
    const graph = this.#graph;
    if (table.kind === 'float') return graph.node('Gather', [table.weight, ids], { axis: 0 });
    if (table.columnOrder) throw new Error('a table whose columns are out of order');
    const { blockSize } = table;
    const sum = table.parts
      .map(({ codes, scales, bits }) =>
        graph.node('GatherBlockQuantized', [asTable(codes), ids, scales], {
          bits,
          block_size: blockSize,
          gather_axis: 0,
          quantize_axis: 1,
        }),
      )
      .reduce((total, term) => graph.node('Add', [total, term]));
    if (table.offsets === null) return sum;
    const blocks = graph.node('Reshape', [sum, graph.integers([-1, table.columns / blockSize, blockSize])]);
    const offsets = graph.node('Gather', [table.offsets, ids], { axis: 0 });
    const added = graph.node('Add', [blocks, graph.node('Unsqueeze', [offsets, graph.integers([2])])]);
    return graph.node('Reshape', [added, graph.integers([-1, table.columns])]);
  }

  /** input·weightᵀ + more, in one operator. */
  #timesPlus(input: string, weight: string, more: string | null): string {
    return this.#graph.node('Gemm', [input, weight, ...(more === null ? [] : [more])], { transB: 1 });
  }

  #blocks(input: string, linear: Linear & { kind: 'blocks' }): string {
    const graph = this.#graph;
    const ordered = linear.columnOrder
      ? graph.node('Gather', [input, graph.integers(linear.columnOrder)], { axis: 1 })
      : input;
    const product = linear.parts
      .map((part) =>
        graph.node('MatMulNBits', [ordered, ...partInputs(part)], {
          K: linear.columns,
          N: linear.rows,
          bits: part.bits,
          block_size: linear.blockSize,
          accuracy_level: accuracyLevel[this.#arithmetic],
        }),
      )
      .reduce((sum, term) => graph.node('Add', [sum, term]));
    if (linear.offsets === null) return product;
    return this.#timesPlus(this.#blockSums(ordered, linear), linear.offsets, product);
  }

  /** [S, K] → [S, K / blockSize]. */
  #blockSums(input: string, { columns, blockSize }: { columns: number; blockSize: number }): string {
    const key = `${input} ${blockSize}`;
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const graph = this.#graph;
    const grouped = graph.node('Reshape', [input, graph.integers([-1, columns / blockSize, blockSize])]);
    const sums = graph.node('ReduceSum', [grouped, graph.integers([-1])], { keepdims: 0 });
    this.#sums.set(key, sums);
    return sums;
  }
}
