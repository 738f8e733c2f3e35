import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GgmlType } from '../../electron/contract/model-source.ts';
import type { Arithmetic } from '../../electron/engine/engine.ts';
import { GraphWriter } from '../../electron/engine/onnx/graph/graph-writer.ts';
import {
  fitsMatMulNBits,
  LinearEmitter,
  writeBlocks,
  writeFloat,
} from '../../electron/engine/onnx/graph/linear.ts';
import { packedBlocks, type OrderedBlocks } from '../../electron/engine/packed-blocks.ts';
import { WeightFile, weightFileName } from '../../electron/engine/onnx/graph/weight-file.ts';
import { openOnnxSession, runOnnxSession, Tensor } from '../../electron/engine/onnx/runtime.ts';
import { dequantize } from '../../electron/formats/dequantize/index.ts';
import { splitMatrix } from '../../electron/formats/dequantize/packed-matrix.ts';
import { splitBlocks } from '../../electron/formats/dequantize/split-blocks.ts';
import { DataType } from '../../electron/formats/onnx/protobuf.ts';
import { typeTraits } from '../../electron/formats/tensor-types.ts';
import { goldenFolder, readGoldenTensors, type GoldenTensor } from '../helpers/golden.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'retort-linear-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Three rows of inputs with both signs and different sizes. */
const inputs = (columns: number) =>
  Float32Array.from({ length: 3 * columns }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)));

interface Case {
  readonly rows: number;
  readonly columns: number;
  /** Float values [rows, columns] that the packed form stands for. */
  readonly values: Float32Array;
  readonly packed: OrderedBlocks | null;
}

/** Multiplies three input rows by the matrix in a graph of its own: rows of outputs. */
async function multiply(
  { rows, columns, values, packed }: Case,
  arithmetic: Arithmetic,
): Promise<Float32Array> {
  const place = mkdtempSync(join(folder, 'case-'));
  const file = await WeightFile.create(join(place, weightFileName));
  const linear = packed
    ? await writeBlocks(file, 'w', packed, { rows, columns }, arithmetic)
    : await writeFloat(file, 'w', values, rows, columns);
  await file.finish();
  const graph = new GraphWriter();
  graph.input('x', DataType.FLOAT, ['S', columns]);
  graph.node('Identity', [new LinearEmitter(graph, arithmetic).emit('x', linear)], {}, 'y');
  graph.output('y', DataType.FLOAT, ['S', rows]);
  for (const tensor of file.tensors.values()) graph.initializer(tensor);
  writeFileSync(join(place, 'g.onnx'), graph.encode());
  const session = await openOnnxSession(join(place, 'g.onnx'), { threads: 1, device: 'cpu' });
  const outputs = await runOnnxSession(session, {
    x: new Tensor('float32', inputs(columns), [3, columns]),
  });
  await session.release();
  return outputs['y']!.data as Float32Array;
}

/** Largest error relative to the sum of the products' sizes, in float64. */
async function relativeError(matrix: Case, arithmetic: Arithmetic): Promise<number> {
  const { rows, columns, values } = matrix;
  const outputs = await multiply(matrix, arithmetic);
  const x = inputs(columns);
  let worst = 0;
  for (let m = 0; m < 3; m++) {
    for (let row = 0; row < rows; row++) {
      let [sum, size] = [0, 1e-30];
      for (let k = 0; k < columns; k++) {
        const product = x[m * columns + k]! * values[row * columns + k]!;
        sum += product;
        size += Math.abs(product);
      }
      worst = Math.max(worst, Math.abs(outputs[m * rows + row]! - sum) / size);
    }
  }
  return worst;
}

async function blockCase(type: GgmlType): Promise<Case> {
  const golden = await readGoldenTensors(join(goldenFolder, 'quant', 'gguf_blocks.safetensors'));
  const { bytes } = golden.get(`${type}.bytes`)!;
  const { blockElements, blockBytes } = typeTraits(type);
  const blocks = bytes.length / blockBytes;
  const columns = Math.max(blockElements, 64);
  const rows = (blocks * blockElements) / columns;
  const split = splitBlocks(type, bytes, rows, columns);
  const packed =
    split && fitsMatMulNBits(split.blockSize, columns) ? { blocks: split, columnOrder: null } : null;
  return { rows, columns, values: dequantize(type, bytes, rows * columns), packed };
}

const blockTypes: GgmlType[] = [
  'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'MXFP4', 'TQ1_0', 'TQ2_0',
]; // prettier-ignore

describe.each(blockTypes)('%s in a graph', (type) => {
  it('is multiplied exactly in reference arithmetic', async () => {
    const matrix = await blockCase(type);
    expect(matrix.packed, 'maps to MatMulNBits').not.toBeNull();
    expect(await relativeError(matrix, 'reference')).toBeLessThan(2e-6);
  });

  it('is multiplied with 8-bit inputs in fast arithmetic', async () => {
    expect(await relativeError(await blockCase(type), 'fast')).toBeLessThan(2e-2);
  });
});

describe('packed checkpoints in a graph', () => {
  const folderName = join(goldenFolder, 'quant', 'matmulnbits');
  const names = readdirSync(folderName).filter((name) => name.endsWith('.safetensors'));

  it.each(names)('multiplies MatMulNBits case %s as its own values', async (name) => {
    const golden = await readGoldenTensors(join(folderName, name));
    const [, bits, group] = /^b(\d)_g(\d+)/.exec(name)!.map(Number) as [number, number, number];
    const [rows, columns] = golden.get('dequant')!.shape as [number, number];
    const zero = golden.get('zero_points');
    const layout = {
      name,
      layout: 'matmulnbits' as const,
      rows,
      columns,
      bits,
      blockSize: group,
      zeroPointOffset: 0 as const,
    };
    const split = splitMatrix(layout, {
      codes: golden.get('B')!.bytes,
      scales: golden.get('scales')!.floats(),
      zeroPoints: zero ? floatsOrBytes(zero) : null,
      groupIndex: null,
    });
    const matrix = {
      rows,
      columns,
      values: golden.get('dequant')!.floats(),
      packed: packedBlocks(split, 0, rows, columns),
    };
    expect(await relativeError(matrix, 'reference')).toBeLessThan(2e-6);
    expect(await relativeError(matrix, 'fast')).toBeLessThan(2e-2);
  });

  it('has no blocks for groups that no power of two from 16 divides', () => {
    const split = {
      bits: 4,
      blockSize: 24,
      codes: new Uint8Array(48),
      scales: new Float32Array(2),
      zeroPoints: null,
      columnOrder: null,
    };
    expect(packedBlocks(split, 0, 1, 48)).toBeNull();
  });
});

const floatsOrBytes = (tensor: GoldenTensor) => (tensor.type === 'F32' ? tensor.floats() : tensor.bytes);
