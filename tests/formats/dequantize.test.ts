import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ggmlTypeNames, type GgmlType } from '../../electron/contract/model-source.ts';
import { dequantize } from '../../electron/formats/dequantize/index.ts';
import { splitBlocks } from '../../electron/formats/dequantize/split-blocks.ts';
import { removedGgufType, typeOfGgufId, typeTraits } from '../../electron/formats/tensor-types.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors } from '../helpers/golden.ts';
import { referenceValue, type ReferenceType } from './block-formulas.ts';

const blocks = await readGoldenTensors(join(goldenFolder, 'quant/gguf_blocks.safetensors'));
const facts = readGoldenJson<{
  types: Record<string, { id: number; block: number; bytes: number; quantize: boolean }>;
}>('quant', 'gguf_blocks.json').types;
const goldenTypes = Object.keys(facts) as GgmlType[];
const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

test('the golden data hold 23 types', () => {
  expect(goldenTypes).toHaveLength(23);
});

describe.each(goldenTypes)('%s', (type) => {
  const { id, block, bytes: blockBytes, quantize } = facts[type]!;

  test('has the id and sizes that the golden data state', () => {
    expect(typeOfGgufId(id)).toBe(type);
    expect(typeTraits(type)).toEqual({ blockElements: block, blockBytes });
  });

  test('dequantizes to the golden values bit by bit', () => {
    const expected = blocks.get(`${type}.f32`)!.floats();
    const actual = dequantize(type, blocks.get(`${type}.bytes`)!.bytes, expected.length);
    expect(bits(actual)).toEqual(bits(expected));
    if (!quantize) return;
    const back = blocks.get(`${type}.quant_back`)!.floats();
    expect(bits(dequantize(type, blocks.get(`${type}.quant_bytes`)!.bytes, back.length))).toEqual(bits(back));
  });

  test('splits into codes, scales and offsets of the same values', () => {
    const expected = blocks.get(`${type}.f32`)!.floats();
    const parts = splitBlocks(type, blocks.get(`${type}.bytes`)!.bytes, 8, expected.length / 8)!;
    expect(Math.max(...parts.codes)).toBeLessThan(2 ** parts.bits);
    if (!parts.offsets) expect(parts.zero).toBe(2 ** (parts.bits - 1));
    parts.codes.forEach((code, i) => {
      const group = Math.floor(i / parts.blockSize);
      const value = Math.fround(parts.scales[group]! * (code - parts.zero));
      // + 0 turns −0 into 0: mirrored codes change the sign of a zero.
      expect(Math.fround(value + (parts.offsets?.[group] ?? 0)) + 0).toBe(expected[i]! + 0);
    });
  });
});

test('rows and columns keep their place in a split matrix', () => {
  const bytes = new Uint8Array(6 * 34);
  for (let block = 0; block < 6; block++) {
    bytes.set([0x00, 0x3c], block * 34);
    bytes.fill(block, block * 34 + 2, block * 34 + 34);
  }
  const parts = splitBlocks('Q8_0', bytes, 3, 64)!;
  expect(parts).toMatchObject({ bits: 8, blockSize: 32, zero: 128, offsets: null });
  expect(parts.codes[1 * 64 + 32]).toBe(128 + 3);
  expect(parts.scales).toEqual(new Float32Array(6).fill(1));
});

describe('types outside the golden data', () => {
  const floats = [1.5, -2, 0, 65504, -(2 ** -24)];

  test.each<[GgmlType, ArrayBufferView, number[]]>([
    ['F32', Float32Array.of(1.5, -2e38), [1.5, Math.fround(-2e38)]],
    ['F64', Float64Array.of(1.5, 0.1), [1.5, Math.fround(0.1)]],
    ['BF16', Uint16Array.of(0x3fc0, 0xc000, 0x0001), [1.5, -2, 2 ** -133]],
    ['F16', Uint16Array.of(0x3e00, 0xc000, 0, 0x7bff, 0x8001), floats],
    ['I8', Int8Array.of(-128, 127), [-128, 127]],
    ['I16', Int16Array.of(-32768, 5), [-32768, 5]],
    ['I32', Int32Array.of(-5, 2 ** 24 + 1), [-5, 2 ** 24]],
    ['I64', BigInt64Array.of(-5n, 2n ** 40n), [-5, 2 ** 40]],
  ])('%s reads as its numbers, at any alignment', (type, source, expected) => {
    const bytes = new Uint8Array(source.byteLength + 1);
    bytes.set(new Uint8Array(source.buffer), 1);
    expect([...dequantize(type, bytes.subarray(1), expected.length)]).toEqual(expected);
    expect(splitBlocks(type, bytes.subarray(1), 1, expected.length)).toBeNull();
  });

  test('F16 infinities and NaN survive', () => {
    const values = dequantize('F16', new Uint8Array(Uint16Array.of(0x7c00, 0xfc00, 0x7e00).buffer), 3);
    expect([...values]).toEqual([Infinity, -Infinity, NaN]);
  });

  test('Q1_0 is a sign per bit, low bits first', () => {
    const bytes = new Uint8Array(18);
    bytes.set([0x00, 0x40, 0b101]);
    const values = dequantize('Q1_0', bytes, 128);
    expect([...values.subarray(0, 4)]).toEqual([2, -2, 2, -2]);
    expect(values[127]).toBe(-2);
    const parts = splitBlocks('Q1_0', bytes, 1, 128)!;
    expect(parts).toMatchObject({ bits: 2, blockSize: 128, zero: 2 });
    expect([...parts.codes.subarray(0, 3)]).toEqual([3, 1, 3]);
  });

  test.each([
    ['Q8_1', 32, 8],
    ['Q8_K', 256, 4],
  ] as const)('%s is a float32 scale times signed bytes', (type, elements, from) => {
    const bytes = new Uint8Array(typeTraits(type).blockBytes);
    new DataView(bytes.buffer).setFloat32(0, 0.75, true);
    bytes.set([1, 0xff, 0x80], from);
    expect([...dequantize(type, bytes, elements).subarray(0, 4)]).toEqual([0.75, -0.75, -96, 0]);
  });
});

test('the golden values of the format notes hold', () => {
  const block = new Uint8Array(18);
  block.set([0x00, 0x3c, 0x98]);
  const values = dequantize('Q4_0', block, 32);
  expect([values[0], values[16]]).toEqual([0, 1]);
  const mx = new Uint8Array(17);
  mx.set([127, 0xf7]);
  expect([...dequantize('MXFP4', mx, 32).filter((value) => value !== 0)]).toEqual([6, -6]);
});

describe('random blocks of any bit pattern', () => {
  const types: ReferenceType[] = [
    'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'MXFP4',
  ]; // prettier-ignore
  const blockCount = 10_000;

  test.each(types)('%s gives what its formula gives, not finite scales included', (type) => {
    const { blockElements, blockBytes } = typeTraits(type);
    const bytes = randomBytes(blockCount * blockBytes, blockBytes);
    const values = dequantize(type, bytes, blockCount * blockElements);
    let wrong = 0;
    let notFinite = 0;
    for (let block = 0; block < blockCount; block++) {
      const own = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
      const view = new DataView(own.buffer, own.byteOffset, blockBytes);
      for (let e = 0; e < blockElements; e++) {
        const expected = Math.fround(referenceValue(type, view, e));
        const actual = values[block * blockElements + e]!;
        if (actual !== expected && !(Number.isNaN(actual) && Number.isNaN(expected))) wrong++;
        if (!Number.isFinite(expected)) notFinite++;
      }
    }
    expect(wrong).toBe(0);
    if (type !== 'MXFP4') expect(notFinite).toBeGreaterThan(0);
  });

  /** Bytes from a fixed seed: 10,000 random float16 scales are sure to hold infinities and NaN. */
  function randomBytes(length: number, seed: number): Uint8Array {
    let state = seed;
    return Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
  }
});

test('every type has sizes, and splits exactly where it has blocks', () => {
  for (const type of ggmlTypeNames) {
    const { blockElements, blockBytes } = typeTraits(type);
    const parts = splitBlocks(type, new Uint8Array(2 * blockBytes), 2, blockElements);
    expect(parts === null, type).toBe(blockElements === 1);
    expect(dequantize(type, new Uint8Array(blockBytes), blockElements)).toHaveLength(blockElements);
  }
});

test('removed and unknown ids are told apart', () => {
  expect(
    [4, 5, 31, 32, 33, 36, 37, 38].map((id) => [typeOfGgufId(id), removedGgufType(id) !== null]),
  ).toEqual(Array.from({ length: 8 }, () => [null, true]));
  expect([typeOfGgufId(42), removedGgufType(42), typeOfGgufId(-1)]).toEqual([null, null, null]);
});

test.each([
  ['too few bytes', () => dequantize('Q4_0', new Uint8Array(17), 32), 'bad-file'],
  ['too many bytes', () => dequantize('Q4_0', new Uint8Array(36), 32), 'bad-file'],
  ['a broken block', () => dequantize('Q6_K', new Uint8Array(105), 128), 'bad-file'],
  ['rows that end inside a block', () => splitBlocks('Q4_0', new Uint8Array(36), 4, 16), 'bad-file'],
  ['a type no GGUF file holds', () => dequantize('F8_E4M3', new Uint8Array(1), 1), 'unsupported-type'],
])('%s is refused', (_, call, code) => {
  expect(call).toThrow(expect.objectContaining({ code }));
});

test('28 million elements of Q4_1 take well under a second', () => {
  const count = 49152 * 576;
  const bytes = new Uint8Array((count / 32) * 20);
  const start = performance.now();
  dequantize('Q4_1', bytes, count);
  // Measured: 0.2–0.3 s on two shared cores; the limit leaves room for a busy machine.
  expect(performance.now() - start).toBeLessThan(2000);
});
