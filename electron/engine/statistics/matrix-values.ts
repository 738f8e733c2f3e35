/** Packed matrices (MatMulNBits, GPTQ, AWQ) a part at a time, each taken apart by the readable reference. */
import { badFile } from '../../contract/errors.ts';
import type { ModelSource, QuantizedMatrix } from '../../contract/model-source.ts';
import { dequantizeMatrix, type MatrixParts } from '../../formats/dequantize/packed-matrix.ts';
import { readMatrixParts, readMatrixScales, readWeightBytes } from '../../formats/read-weight.ts';

/** Columns whose words are whole in all layouts and widths. */
const wordColumns = 32;

type Scales = Pick<MatrixParts, 'scales' | 'zeroPoints'>;

/** Throws as readMatrixParts and dequantizeMatrix. */
export async function* matrixChunks(
  source: ModelSource,
  matrix: QuantizedMatrix,
  chunkElements: number,
): AsyncGenerator<Float32Array> {
  if (matrix.rows * matrix.columns <= chunkElements) {
    yield dequantizeMatrix(matrix, await readMatrixParts(source, matrix));
  } else if (matrix.layout === 'matmulnbits') {
    yield* rowChunks(source, matrix, chunkElements);
  } else {
    yield* columnChunks(source, matrix, chunkElements);
  }
}

/** Codes lie row by row. */
async function* rowChunks(
  source: ModelSource,
  matrix: QuantizedMatrix,
  chunkElements: number,
): AsyncGenerator<Float32Array> {
  const { rows, columns, bits, blockSize, codes } = matrix;
  const scales = await readMatrixScales(source, matrix);
  const groups = Math.ceil(columns / blockSize);
  const rowBytes = (groups * blockSize * bits) / 8;
  requireBytes(matrix, rows * rowBytes);
  const step = Math.max(1, Math.floor(chunkElements / columns));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const cut = <Part extends Uint8Array | Float32Array>(part: Part): Part => {
      const each = part.length / rows;
      return part.subarray(row * each, (row + count) * each) as Part;
    };
    yield dequantizeMatrix(
      { ...matrix, rows: count },
      {
        codes: await readWeightBytes(source, codes, { start: row * rowBytes, length: count * rowBytes }),
        scales: cut(scales.scales),
        zeroPoints: scales.zeroPoints && cut(scales.zeroPoints),
        groupIndex: null,
      },
    );
  }
}

/** Codes lie column by column: a part is a matrix of fewer columns, each with the scales of its group. */
async function* columnChunks(
  source: ModelSource,
  matrix: QuantizedMatrix,
  chunkElements: number,
): AsyncGenerator<Float32Array> {
  const { rows, columns, bits, codes } = matrix;
  const columnBytes = (rows * bits) / 8;
  requireBytes(matrix, columns * columnBytes);
  const scales = await readMatrixScales(source, matrix);
  const groupOf = await columnGroups(source, matrix);
  const step = Math.max(1, Math.floor(chunkElements / rows / wordColumns)) * wordColumns;
  for (let column = 0; column < columns; column += step) {
    const count = Math.min(step, columns - column);
    const range = { start: column * columnBytes, length: count * columnBytes };
    const own = scalesOf(matrix, scales, groupOf.subarray(column, column + count));
    yield dequantizeMatrix(
      { ...matrix, columns: count, blockSize: 1 },
      { codes: await readWeightBytes(source, codes, range), ...own, groupIndex: null },
    );
  }
}

async function columnGroups(source: ModelSource, matrix: QuantizedMatrix): Promise<Int32Array> {
  const { columns, blockSize, groupIndex } = matrix;
  if (!groupIndex) return Int32Array.from({ length: columns }, (_, column) => Math.floor(column / blockSize));
  const bytes = new Uint8Array(await readWeightBytes(source, groupIndex));
  const groupOf = new Int32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
  const groups = Math.ceil(columns / blockSize);
  if (groupIndex.type !== 'I32' || groupOf.length !== columns || groupOf.some((g) => g < 0 || g >= groups)) {
    throw badFile(`no group from 0 to ${groups - 1} for each of ${columns} columns`, {
      field: groupIndex.name,
    });
  }
  return groupOf;
}

function scalesOf(
  { name, rows }: QuantizedMatrix,
  { scales, zeroPoints }: Scales,
  groupOf: Int32Array,
): Scales {
  const gather = <Part extends Uint8Array | Float32Array>(from: Part, each: number, to: Part): Part => {
    groupOf.forEach((group, column) => {
      if ((group + 1) * each > from.length)
        throw badFile('scales or zero points are missing', { field: name });
      to.set(from.subarray(group * each, (group + 1) * each), column * each);
    });
    return to;
  };
  if (zeroPoints instanceof Float32Array)
    throw badFile('float zero points are not known here', { field: name });
  const own = gather(scales, rows, new Float32Array(groupOf.length * rows));
  if (!zeroPoints) return { scales: own, zeroPoints };
  const pointBytes = zeroPoints.length / (scales.length / rows);
  return {
    scales: own,
    zeroPoints: gather(zeroPoints, pointBytes, new Uint8Array(groupOf.length * pointBytes)),
  };
}

function requireBytes({ codes }: QuantizedMatrix, bytes: number): void {
  if (codes.bytes !== bytes)
    throw badFile(`codes of ${codes.bytes} bytes, expected ${bytes}`, { field: codes.name });
}
