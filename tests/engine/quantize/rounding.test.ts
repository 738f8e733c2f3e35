/** Rounding rows to codes, against what onnxruntime's MatMulNBits quantizer made of the same matrices. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { roundRows } from '../../../electron/engine/native/round-rows.ts';
import { packCodes } from '../../../electron/engine/packed-blocks.ts';
import { goldenFolder, readGoldenTensors } from '../../helpers/golden.ts';

const cases = ([2, 4, 8] as const).flatMap((bits) =>
  [16, 32, 64, 128].flatMap((group) => [false, true].map((points) => ({ bits, group, points }))),
);

/** The nearest float16 numbers. */
function halves(values: Float32Array): Float32Array {
  const { Float16Array } = globalThis as unknown as {
    Float16Array: new (values: Float32Array) => Iterable<number>;
  };
  return Float32Array.from(new Float16Array(values));
}

describe('rows rounded to codes', () => {
  test.each(cases)(
    'are those of MatMulNBits: $bits bits, group $group, zero points $points',
    async (each) => {
      const { bits, group, points } = each;
      const name = `b${bits}_g${group}_${points ? 'zp' : 'sym'}.safetensors`;
      const golden = await readGoldenTensors(join(goldenFolder, 'quant', 'matmulnbits', name));
      const weights = golden.get('W')!;
      const [rows, columns] = weights.shape as [number, number];
      const rounded = roundRows(weights.floats(), columns, { bits, block: group, hasPoints: points });
      // The golden scales are float32; ours are the float16 numbers next to them.
      const scales = golden.get('scales')!.floats();
      expect(rounded.scales).toEqual(halves(scales));
      const blocks = Math.ceil(columns / group);
      const codes = unpacked(golden.get('B')!.bytes, bits, rows, blocks * group);
      const zeros = points
        ? unpacked(golden.get('zero_points')!.bytes, bits, rows, (Math.ceil((blocks * bits) / 8) * 8) / bits)
        : null;
      let others = 0;
      for (let row = 0; row < rows; row++) {
        for (let block = 0; block < blocks && zeros; block++) {
          expect(rounded.zeroPoints![row * blocks + block]).toBe(zeros.at(row, block));
        }
        for (let column = 0; column < columns; column++) {
          if (rounded.codes[row * columns + column] !== codes.at(row, column)) others += 1;
        }
      }
      expect(others).toBe(0);
    },
  );

  test('pack as MatMulNBits lays them out, rows filled up with zeros', () => {
    const codes = Uint8Array.of(1, 2, 3, 3, 2, 1);
    const matrix = { rows: 2, columns: 3, block: 4 };
    expect([...packCodes(codes, matrix, 4)]).toEqual([0x21, 0x03, 0x23, 0x01]);
    expect([...packCodes(codes, matrix, 2)]).toEqual([0b111001, 0b011011]);
    expect([...packCodes(codes, matrix, 8)]).toEqual([1, 2, 3, 0, 3, 2, 1, 0]);
  });

  test('are refused where they are no numbers or the arguments are none', () => {
    const round = (values: readonly number[], columns: number, bits = 4) =>
      roundRows(Float32Array.from(values), columns, { bits: bits as 4, block: 16, hasPoints: false });
    expect(() => round([1, NaN], 2)).toThrow(expect.objectContaining({ code: 'invalid-numbers' }));
    expect(() => round([1, 2], 2, 5)).toThrow(/2, 4 or 8 bits/);
    expect(() => round([1, 2], 0)).toThrow(/at least 1/);
    expect(() => round([1, 2, 3], 2)).toThrow(/whole rows/);
  });
});

function unpacked(bytes: Uint8Array, bits: number, rows: number, width: number) {
  const rowBytes = bytes.length / rows;
  expect(rowBytes).toBe((width * bits) / 8);
  return {
    at: (row: number, column: number) =>
      (bytes[row * rowBytes + Math.floor((column * bits) / 8)]! >> ((column * bits) % 8)) & (2 ** bits - 1),
  };
}
