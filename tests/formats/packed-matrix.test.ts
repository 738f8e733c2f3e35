import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  dequantizeMatrix,
  splitMatrix,
  type MatrixLayout,
  type MatrixParts,
} from '../../electron/formats/dequantize/packed-matrix.ts';
import { readHuggingFaceFolder } from '../../electron/formats/huggingface/read-folder.ts';
import { readMatrixParts, readWeight } from '../../electron/formats/read-weight.ts';
import type { ModelSource } from '../../electron/contract/model-source.ts';
import { dequantize } from '../../electron/formats/dequantize/index.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors, type GoldenTensor } from '../helpers/golden.ts';

const matmulnbits = [2, 4, 8].flatMap((bits) =>
  [16, 32, 64, 128].flatMap((blockSize) =>
    ['sym', 'zp'].map((zeros) => ({ name: `b${bits}_g${blockSize}_${zeros}`, bits, blockSize })),
  ),
);
const packedCases =
  readGoldenJson<
    Record<string, { bits: number; group_size: number; checkpoint_format?: string; K: number; N: number }>
  >('quant/gptq_awq.json');

const goldenTensors = (path: string) => readGoldenTensors(join(goldenFolder, path));
const floats = ({ type, bytes }: GoldenTensor) =>
  type === 'F16' ? dequantize('F16', bytes, bytes.length / 2) : new Float32Array(bytes.buffer);

/** The weights again from the split form, by the definition of each field. */
function recompose(matrix: MatrixLayout, parts: MatrixParts): Float32Array {
  const { codes, scales, zeroPoints, columnOrder, blockSize, bits } = splitMatrix(matrix, parts);
  const { rows, columns } = matrix;
  const groups = Math.ceil(columns / blockSize);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      const group = row * groups + Math.floor(j / blockSize);
      const zero = zeroPoints?.[group] ?? 2 ** (bits - 1);
      values[row * columns + (columnOrder?.[j] ?? j)] =
        ((codes[row * columns + j] ?? NaN) - zero) * scales[group]!;
    }
  }
  return values;
}

describe('MatMulNBits', () => {
  const read = async (name: string, bits: number, blockSize: number) => {
    const tensors = await goldenTensors(`quant/matmulnbits/${name}.safetensors`);
    const expected = floats(tensors.get('dequant')!);
    const [rows = 0, columns = 0] = tensors.get('dequant')!.shape;
    const layout = {
      name,
      layout: 'matmulnbits',
      rows,
      columns,
      bits,
      blockSize,
      zeroPointOffset: 0,
    } as const;
    const zeroPoints = tensors.has('zero_points')
      ? name.endsWith('floatzp')
        ? floats(tensors.get('zero_points')!)
        : tensors.get('zero_points')!.bytes
      : null;
    const parts = {
      codes: tensors.get('B')!.bytes,
      scales: floats(tensors.get('scales')!),
      zeroPoints,
      groupIndex: null,
    };
    return { layout, parts, expected };
  };

  test.each(matmulnbits)('$name gives the reference weights exactly', async ({ name, bits, blockSize }) => {
    const { layout, parts, expected } = await read(name, bits, blockSize);
    expect(dequantizeMatrix(layout, parts)).toEqual(expected);
    expect(recompose(layout, parts)).toEqual(expected);
  });

  test('float zero points give the reference weights exactly', async () => {
    const { layout, parts, expected } = await read('b4_g32_floatzp', 4, 32);
    expect(dequantizeMatrix(layout, parts)).toEqual(expected);
    expect(splitMatrix(layout, parts).zeroPoints).toBeInstanceOf(Float32Array);
  });

  test('byte 0x98 with scale 0.5 holds 0 and 0.5 in adjacent columns', () => {
    const layout = {
      name: 'w',
      layout: 'matmulnbits',
      rows: 1,
      columns: 2,
      bits: 4,
      blockSize: 16,
      zeroPointOffset: 0,
    } as const;
    const parts = {
      codes: new Uint8Array(8).fill(0x98),
      scales: Float32Array.of(0.5),
      zeroPoints: null,
      groupIndex: null,
    };
    expect([...dequantizeMatrix(layout, parts)]).toEqual([0, 0.5]);
  });

  test('scales of the wrong length are refused and the matrix is named', async () => {
    const { layout, parts } = await read('b4_g32_zp', 4, 32);
    const short = { ...parts, scales: parts.scales.subarray(1) };
    expect(() => dequantizeMatrix(layout, short)).toThrow(/b4_g32_zp: scales holds/);
    const noZeros = { ...parts, zeroPoints: new Uint8Array(3) };
    expect(() => splitMatrix(layout, noZeros)).toThrow(/zero points holds 3/);
  });
});

describe('GPTQ and AWQ', () => {
  let tensors: ReadonlyMap<string, GoldenTensor>;
  beforeAll(async () => {
    tensors = await goldenTensors('quant/gptq_awq.safetensors');
  });
  const read = (name: string) => {
    const { bits, group_size: size, checkpoint_format: format, K: columns, N: rows } = packedCases[name]!;
    const layout: MatrixLayout = {
      name,
      layout: name.startsWith('awq') ? 'awq' : 'gptq',
      rows,
      columns,
      bits,
      blockSize: size === -1 ? columns : size,
      zeroPointOffset: format === 'gptq' ? 1 : 0,
    };
    const parts: MatrixParts = {
      codes: tensors.get(`${name}.qweight`)!.bytes,
      scales: floats(tensors.get(`${name}.scales`)!),
      zeroPoints: tensors.get(`${name}.qzeros`)!.bytes,
      groupIndex: tensors.has(`${name}.g_idx`) ? tensors.get(`${name}.g_idx`)!.integers() : null,
    };
    return { layout, parts };
  };
  /** The reference is [inputs, outputs]. */
  const expected = (name: string) => {
    const { K: columns, N: rows } = packedCases[name]!;
    const stored = floats(tensors.get(`${name}.dequant`)!);
    return Float32Array.from(
      { length: rows * columns },
      (_, i) => stored[(i % columns) * rows + Math.floor(i / columns)]!,
    );
  };

  test.each(Object.keys(packedCases))('%s gives the reference weights exactly', (name) => {
    const { layout, parts } = read(name);
    expect(dequantizeMatrix(layout, parts)).toEqual(expected(name));
    expect(recompose(layout, parts)).toEqual(expected(name));
  });

  test('act-order groups its columns, every other case keeps their order', () => {
    const ordered = Object.keys(packedCases).filter((name) => {
      const { layout, parts } = read(name);
      return splitMatrix(layout, parts).columnOrder !== null;
    });
    expect(ordered).toEqual(['gptq4_actorder']);
  });

  test('3-bit codes that cross words are put together again', () => {
    const [rows, columns] = [32, 64];
    const code = (row: number, column: number) => (row * 5 + column * 3 + (row ^ column)) % 8;
    const pack = (count: number, streams: number, value: (stream: number, i: number) => number) => {
      // One number per stream as long binary text, lowest bit last.
      const words = Array.from({ length: streams }, (_, stream) => {
        let bits = '';
        for (let i = 0; i < count; i++) bits = value(stream, i).toString(2).padStart(3, '0') + bits;
        return BigInt(`0b${bits}`);
      });
      return words;
    };
    const word = (stream: bigint, i: number) => Number((stream >> BigInt(32 * i)) & 0xffff_ffffn);
    const streams = pack(columns, rows, code);
    const codes = new Uint32Array((columns * 3 * rows) / 32);
    for (let i = 0; i < (columns * 3) / 32; i++) {
      for (let row = 0; row < rows; row++) codes[i * rows + row] = word(streams[row]!, i);
    }
    const zeros = pack(rows, 2, (group, row) => (row + group) % 8);
    const zeroWords = zeros.flatMap((stream) => [0, 1, 2].map((i) => word(stream, i)));
    const layout = {
      name: 'w',
      layout: 'gptq',
      rows,
      columns,
      bits: 3,
      blockSize: 32,
      zeroPointOffset: 1,
    } as const;
    const values = dequantizeMatrix(layout, {
      codes: new Uint8Array(codes.buffer),
      scales: new Float32Array(2 * rows).fill(0.25),
      zeroPoints: new Uint8Array(Uint32Array.from(zeroWords).buffer),
      groupIndex: null,
    });
    const wanted = Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const zero = (((row + Math.floor(column / 32)) % 8) + 1) % 8;
      return (code(row, column) - zero) * 0.25;
    });
    expect([...values]).toEqual(wanted);
  });

  test('the words of the format notes mean what they say', () => {
    const one = (layout: 'gptq' | 'awq', rows: number, columns: number, words: number[], zeros: number[]) =>
      dequantizeMatrix(
        {
          name: 'w',
          layout,
          rows,
          columns,
          bits: 4,
          blockSize: columns,
          zeroPointOffset: layout === 'gptq' ? 1 : 0,
        },
        {
          codes: new Uint8Array(Uint32Array.from(words).buffer),
          scales: new Float32Array(rows).fill(1),
          zeroPoints: new Uint8Array(Uint32Array.from(zeros).buffer),
          groupIndex: null,
        },
      );
    expect([...one('awq', 8, 1, [0x75316420], [0])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const gptq = one('gptq', 8, 8, new Array<number>(8).fill(0x76543210), [0x77777777]);
    expect([...gptq.subarray(0, 8)]).toEqual([-8, -7, -6, -5, -4, -3, -2, -1]);
  });

  test('a group index outside the groups is refused', () => {
    const { layout, parts } = read('gptq4_actorder');
    for (const bad of [-1, 3]) {
      const groupIndex = Int32Array.from(parts.groupIndex!).fill(bad, 5, 6);
      expect(() => dequantizeMatrix(layout, { ...parts, groupIndex })).toThrow(/g_idx\[5\] is/);
    }
  });

  test('a group index that overfills a group cannot be split', () => {
    const { layout, parts } = read('gptq4_actorder');
    const groupIndex = new Int32Array(layout.columns).fill(1);
    expect(() => splitMatrix(layout, { ...parts, groupIndex })).toThrow(/more than 32 columns into group 1/);
  });
});

describe('packed checkpoints', () => {
  test.each(['llama-gptq', 'llama-gptq-actorder', 'llama-awq'])(
    '%s holds the reference weights',
    async (name) => {
      const source = await readHuggingFaceFolder(join(goldenFolder, 'tiny', name));
      const expected = await goldenTensors(`tiny/${name}/expected.safetensors`);
      for (const weight of [
        'model.layers.0.self_attn.k_proj.weight',
        'model.layers.1.mlp.down_proj.weight',
      ]) {
        expect(await readMatrixWeight(source, weight)).toEqual(floats(expected.get(`deq.${weight}`)!));
        const matrix = source.matrices.get(weight)!;
        expect(recompose(matrix, await readMatrixParts(source, matrix))).toEqual(
          floats(expected.get(`deq.${weight}`)!),
        );
      }
    },
  );

  test('a row range of a packed matrix is those rows', async () => {
    const source = await readHuggingFaceFolder(join(goldenFolder, 'tiny/llama-awq'));
    const name = 'model.layers.0.self_attn.k_proj.weight';
    const whole = await readMatrixWeight(source, name);
    const matrix = source.matrices.get(name)!;
    const rows = { start: 3, count: 2 };
    const part = await readWeight(source, {
      source: { kind: 'matrix', matrix },
      shape: [2, 64],
      transposed: false,
      rows,
    });
    expect(part).toEqual(whole.slice(3 * 64, 5 * 64));
  });
});

function readMatrixWeight(source: ModelSource, name: string): Promise<Float32Array> {
  const matrix = source.matrices.get(name)!;
  const shape = [matrix.rows, matrix.columns];
  return readWeight(source, { source: { kind: 'matrix', matrix }, shape, transposed: false, rows: null });
}
