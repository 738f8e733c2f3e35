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
import type { Blocks, OrderedBlocks } from '../../packed-blocks.ts';

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

/** Codes around MatMulNBits' own zero point, 2^(bits−1). */
interface BlockPart {
  readonly bits: number;
  readonly codes: string;
  readonly scales: string;
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
  part: { readonly bits: number; readonly codes: Uint8Array; readonly scales: Float32Array },
  perRow: readonly number[],
): Promise<BlockPart> {
  const shape = [...perRow, part.codes.length / (perRow[0]! * perRow[1]!)];
  return {
    bits: part.bits,
    codes: await file.write(`${name}.codes`, shape, part.codes),
    scales: await file.write(`${name}.scales`, perRow, part.scales),
  };
}

/** 2-bit codes have no float kernel for single rows either; everything between 4 and 8 is stored as 8. */
function storageBits(bits: number, arithmetic: Arithmetic): 2 | 4 | 8 {
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
        graph.node('MatMulNBits', [ordered, part.codes, part.scales], {
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
