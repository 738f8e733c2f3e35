/** Bytes of packed matrices from the facts of their layout, as native/src/matrix/layout.h has them. */
import type { MatrixLayout } from '../../contract/pack.ts';

/** Rows that lie together; the last group is padded. */
export const groupRows = 8;
/** Of rows and of columns. */
export const largestSide = 2 ** 31;

interface TypeFacts {
  readonly codes: MatrixLayout['codes'];
  readonly scales: MatrixLayout['scales'];
  readonly zero: number;
  readonly stepColumns: number;
  readonly stepsPerHeader: number;
  /** What the columns are a multiple of. */
  readonly block: number;
}

const facts = (
  codes: TypeFacts['codes'],
  scales: TypeFacts['scales'],
  zero: number,
  stepColumns: number,
  block: number,
): TypeFacts => ({
  codes,
  scales,
  zero,
  stepColumns,
  block,
  stepsPerHeader: Math.max(block / stepColumns, 1),
});

/** Layouts that follow from the type alone. */
const fixedLayouts = new Map([
  ['f32×8', facts('f32', 'none', 0, 1, 1)],
  ['f16×8', facts('f16', 'none', 0, 1, 1)],
  ['bf16×8', facts('bf16', 'none', 0, 1, 1)],
  ['q4_0×8', facts('nibbles', 'f16', 8, 32, 32)],
  ['q4_1×8', facts('nibbles', 'f16_offset', 0, 32, 32)],
  ['q5_0×8', facts('fives', 'f16', 16, 32, 32)],
  ['q8_0×8', facts('bytes', 'f16', 0, 32, 32)],
  ['q4_k×8', facts('nibbles', 'k4', 0, 32, 256)],
  ['q6_k×8', facts('sixes', 'k6', 32, 16, 256)],
]);

type OpenCodes = 'twos' | 'nibbles' | 'bytes';

/** Layouts whose blocks and scales come with the matrix. */
const openLayouts = new Map<string, OpenCodes>([
  ['nbits2×8', 'twos'],
  ['nbits4×8', 'nibbles'],
  ['nbits8×8', 'bytes'],
  ['blocks8×8', 'bytes'],
]);

const openScales = ['f16', 'f16_offset', 'f16_point', 'f32', 'f32_offset', 'f32_point'];

/** What is wrong with the layout of a matrix of so many columns; null: nothing. */
export function layoutProblem(layout: MatrixLayout, columns: number): string | null {
  const fixed = fixedLayouts.get(layout.name);
  if (fixed) {
    if (columns % fixed.block !== 0) return `${columns} columns do not fill blocks of ${fixed.block}`;
    const isRight =
      layout.codes === fixed.codes &&
      layout.scales === fixed.scales &&
      layout.zero === fixed.zero &&
      layout.pointBase === 0 &&
      layout.stepColumns === fixed.stepColumns &&
      layout.stepsPerHeader === fixed.stepsPerHeader;
    return isRight ? null : `not the layout of ${layout.name}`;
  }
  const codes = openLayouts.get(layout.name);
  if (codes === undefined) return `the layout ${JSON.stringify(layout.name.slice(0, 40))} is not known`;
  return isOpenLayout(layout, codes) ? null : `not a layout of ${layout.name}`;
}

function isOpenLayout(layout: MatrixLayout, codes: OpenCodes): boolean {
  const { stepColumns, stepsPerHeader, pointBase, zero } = layout;
  const block = stepColumns * stepsPerHeader;
  return (
    layout.codes === codes &&
    openScales.includes(layout.scales) &&
    Number.isInteger(Math.log2(block)) &&
    block <= largestSide &&
    stepColumns === Math.min(block, 32) &&
    stepColumns >= 16 &&
    pointBase >= 0 &&
    pointBase <= 255 &&
    // Bytes are kept signed, 128 less.
    zero === (codes === 'bytes' ? pointBase - 128 : pointBase)
  );
}

const headerBytes: Record<MatrixLayout['scales'], number> = {
  none: 0, f16: 16, f16_offset: 32, f16_point: 24, f32: 32, f32_offset: 64, f32_point: 40, k4: 160, k6: 144,
}; // prettier-ignore

function stepBytes({ codes, stepColumns }: MatrixLayout): number {
  switch (codes) {
    case 'f32':
      return 4 * groupRows;
    case 'f16':
    case 'bf16':
      return 2 * groupRows;
    case 'twos':
      return 2 * stepColumns;
    case 'nibbles':
      return 4 * stepColumns;
    case 'fives':
      return 160;
    case 'sixes':
      return 96;
    case 'bytes':
      return 8 * stepColumns;
  }
}

/** Bytes of one group of a matrix whose layout has no problem. */
export function groupBytes(layout: MatrixLayout, columns: number): number {
  const steps = Math.ceil(columns / layout.stepColumns);
  const headers = Math.ceil(steps / layout.stepsPerHeader);
  return headers * headerBytes[layout.scales] + steps * stepBytes(layout);
}

export const groupCount = (rows: number) => Math.ceil(rows / groupRows);
