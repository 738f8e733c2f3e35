/** How weights of every stored type reach the addon: a table of token rows, read back as hidden.embed, is what the reference dequantizes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  ggmlTypeNames,
  type ModelSource,
  type QuantizedMatrix,
  type TensorInfo,
  type TensorType,
} from '../../electron/contract/model-source.ts';
import { nativeAddon } from '../../electron/engine/native/addon.ts';
import { matrixSource, type OrderedMatrix } from '../../electron/engine/native/matrix-source.ts';
import { dequantize } from '../../electron/formats/dequantize/index.ts';
import { groupBytes, groupCount, layoutProblem } from '../../electron/formats/pack/layout.ts';
import { readSafetensorsFolder } from '../../electron/formats/safetensors/folder.ts';
import { writeSafetensors } from '../../electron/formats/safetensors/write.ts';
import { typeTraits } from '../../electron/formats/tensor-types.ts';
import {
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type GoldenTensor,
} from '../helpers/golden.ts';
import { makeFolder } from '../helpers/model-folder.ts';
import { openModel } from '../helpers/native-engine.ts';

/** The rows of a packed matrix as float32, and the layout it was packed into. */
async function readBack({
  matrix,
  columnOrder,
}: OrderedMatrix): Promise<{ values: Float32Array; layout: string }> {
  const { NativeEngine, NativeSession } = nativeAddon();
  const engine = new NativeEngine({ arithmetic: 'reference', threads: 2, kernels: '' });
  onTestFinished(() => engine.close());
  const { rows, columns } = matrix;
  const { number, layout, bytes } = await engine.pack(matrix);
  // Whatever the engine packs, packs know and measure alike.
  const facts = engine.matrixLayout(number);
  expect(layoutProblem(facts, columns)).toBeNull();
  expect(groupBytes(facts, columns)).toBe(facts.groupBytes);
  expect(groupCount(rows) * facts.groupBytes).toBe(bytes);
  engine.setModel({
    hiddenSize: columns,
    vocabularySize: rows,
    embeddingSize: columns,
    embeddingScale: 1,
    embedding: number,
    embeddingIn: null,
    embeddingOut: null,
    learnedPositions: null,
    layers: [],
    finalNorm: null,
    head: { matrix: number, bias: null, columnOrder },
    headSoftcap: null,
    headScale: 1,
  });
  const session = new NativeSession(engine, { context: rows, kvCodec: 'f32', ropes: [] });
  const ids = Int32Array.from({ length: rows }, (_, i) => i);
  const { hidden } = await session.evaluate({
    ids,
    embeddings: null,
    positions: ids,
    parents: null,
    rows: new Int32Array(),
    hidden: true,
  });
  return { values: hidden[0]!.data as Float32Array, layout };
}

const source = (folder: string, files: ModelSource['files']) => ({ folder, files }) as unknown as ModelSource;
const whole = { transposed: false, rows: null } as const;

/** One tensor alone in a file. */
async function fromBytes(
  type: TensorType,
  bytes: Uint8Array,
  rows: number,
): Promise<{ values: Float32Array; layout: string }> {
  const folder = makeFolder();
  const path = join(folder, 'weights');
  // Something before it, so that the offset matters.
  writeFileSync(path, Buffer.concat([Buffer.alloc(64, 7), bytes]));
  const { blockElements, blockBytes } = typeTraits(type);
  const columns = (bytes.length / blockBytes / rows) * blockElements;
  const shape = [rows, columns];
  const tensor: TensorInfo = { name: 'w', type, shape, file: 0, offset: 64, bytes: bytes.length };
  const files = [{ name: 'weights', path, bytes: 64 + bytes.length, headerBytes: 64 }];
  return readBack(
    await matrixSource(source(folder, files), { source: { kind: 'tensor', tensor }, shape, ...whole }),
  );
}

const layouts: Partial<Record<TensorType, RegExp>> = {
  F32: /^f32/, F16: /^f16/, BF16: /^bf16/, Q4_0: /^q4_0/, Q4_1: /^q4_1/, Q5_0: /^q5_0/, Q8_0: /^q8_0/, Q4_K: /^q4_k/, Q6_K: /^q6_k/,
  Q2_K: /^nbits2/, Q1_0: /^nbits2/, TQ1_0: /^nbits2/, TQ2_0: /^nbits2/,
}; // prettier-ignore

describe('a matrix of type', async () => {
  const golden = await readGoldenTensors(join(goldenFolder, 'quant', 'gguf_blocks.safetensors'));
  const types = ggmlTypeNames.filter((type) => golden.has(`${type}.bytes`));

  it.each(types)('%s has the golden values', async (type) => {
    const { bytes, shape } = golden.get(`${type}.bytes`)!;
    const { values, layout } = await fromBytes(type, bytes, shape[0]!);
    const expected = dequantize(type, bytes, values.length);
    expect(maximumDifference(values, expected)).toBe(0);
    expect(layout).toMatch(layouts[type] ?? /^(blocks8|nbits4)/);
  });

  it.each(['F32', 'F16', 'BF16'] as const)('%s has its own values', async (type) => {
    const bits =
      type === 'F32' ? [0x3fc00000, 0xbe800000, 0x00000001, 0x7f7fffff] : [0x3e00, 0xb400, 0x0001, 0x7bff];
    const bytes =
      type === 'F32'
        ? new Uint8Array(Uint32Array.from(bits).buffer)
        : new Uint8Array(Uint16Array.from(bits).buffer);
    const { values, layout } = await fromBytes(type, bytes, 2);
    expect(values).toEqual(dequantize(type, bytes, 4));
    expect(layout).toMatch(layouts[type]!);
  });

  it('is float32 where its rows are no whole blocks, and where it lies transposed', async () => {
    const folder = makeFolder();
    const data = Float32Array.from({ length: 6 }, (_, i) => i);
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'w', type: 'F32', shape: [3, 2], data },
    ]);
    const { tensors, files } = await readSafetensorsFolder(folder, 0);
    const tensor = tensors.get('w')!;
    const ref = { source: { kind: 'tensor', tensor } as const, shape: [2, 3], transposed: true, rows: null };
    const { values } = await readBack(await matrixSource(source(folder, files), ref));
    expect(values).toEqual(Float32Array.of(0, 2, 4, 1, 3, 5));
    const rows = { source: ref.source, shape: [2, 2], transposed: false, rows: { start: 1, count: 2 } };
    const part = await readBack(await matrixSource(source(folder, files), rows));
    expect(part.values).toEqual(Float32Array.of(2, 3, 4, 5));
  });

  it('is refused where its rows leave the tensor', async () => {
    const folder = makeFolder();
    const data = new Float32Array(6);
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'w', type: 'F32', shape: [3, 2], data },
    ]);
    const { tensors, files } = await readSafetensorsFolder(folder, 0);
    const ref = {
      source: { kind: 'tensor', tensor: tensors.get('w')! } as const,
      shape: [2, 2],
      transposed: false,
      rows: { start: 2, count: 2 },
    };
    await expect(matrixSource(source(folder, files), ref)).rejects.toMatchObject({ code: 'bad-file' });
  });
});

describe('a MatMulNBits matrix', () => {
  const cases = [2, 4, 8].flatMap((bits) =>
    [16, 32, 64, 128].flatMap((blockSize) => ['sym', 'zp'].map((zeros) => [bits, blockSize, zeros] as const)),
  );

  it.each(cases)('of %i bits in blocks of %i, %s, has the golden values', async (bits, blockSize, zeros) => {
    const name = `b${bits}_g${blockSize}_${zeros}.safetensors`;
    const folder = join(goldenFolder, 'quant', 'matmulnbits');
    const golden = await readGoldenTensors(join(folder, name));
    const own = makeFolder();
    const copied = ['B', 'scales', 'zero_points'].flatMap((part) => {
      const tensor = golden.get(part);
      return tensor ? [toWrite(part, tensor)] : [];
    });
    await writeSafetensors(join(own, 'model.safetensors'), copied);
    const { tensors, files } = await readSafetensorsFolder(own, 0);
    const [rows = 0, columns = 0] = golden.get('dequant')!.shape;
    const matrix: QuantizedMatrix = {
      name: 'w',
      layout: 'matmulnbits',
      rows,
      columns,
      bits,
      blockSize,
      codes: tensors.get('B')!,
      scales: tensors.get('scales')!,
      zeroPoints: tensors.get('zero_points') ?? null,
      zeroPointOffset: 0,
      groupIndex: null,
    };
    const ref = { source: { kind: 'matrix', matrix } as const, shape: [rows, columns], ...whole };
    const { values, layout } = await readBack(await matrixSource(source(own, files), ref));
    expect(layout).toBe(`nbits${bits}×8`);
    expect(maximumDifference(values, golden.get('dequant')!.floats())).toBeLessThan(1e-6);
    const half = Math.floor(rows / 2);
    const lower = { ...ref, shape: [rows - half, columns], rows: { start: half, count: rows - half } };
    const part = await readBack(await matrixSource(source(own, files), lower));
    expect(maximumDifference(part.values, values.subarray(half * columns))).toBe(0);
  });

  const toWrite = (name: string, { type, shape, bytes }: GoldenTensor) => ({
    name,
    type: type as TensorType,
    shape,
    data: bytes,
  });

  it('of a whole ONNX folder gives the golden logits', async () => {
    const folder = join('exports', 'qwen3-transformersjs-q4');
    const { tolerance } = readGoldenJson<{ tolerance: number }>(folder, 'expected.json');
    const golden = await readGoldenTensors(join(goldenFolder, folder, 'expected.safetensors'));
    const engine = await openModel(join(goldenFolder, folder));
    expect(engine.info.versions['layout']).toMatch(/nbits4/);
    const ids = golden.get('input_ids')!.integers();
    const session = await engine.createSession({ context: ids.length });
    const { logits } = await session.evaluate({ ids, rows: 'all' });
    expect(maximumDifference(logits, golden.get('logits')!.floats())).toBeLessThan(tolerance);
  });
});
