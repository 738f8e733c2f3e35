/** Packed matrices read in parts hold the values of the whole. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ModelSource, QuantizedMatrix, TensorType } from '../../../electron/contract/model-source.ts';
import { matrixChunks } from '../../../electron/engine/statistics/matrix-values.ts';
import { storedValues } from '../../../electron/engine/statistics/stored-values.ts';
import { dequantizeMatrix } from '../../../electron/formats/dequantize/packed-matrix.ts';
import { readMatrixParts } from '../../../electron/formats/read-weight.ts';
import { readSafetensorsFolder } from '../../../electron/formats/safetensors/folder.ts';
import { writeSafetensors } from '../../../electron/formats/safetensors/write.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors, type GoldenTensor } from '../../helpers/golden.ts';
import { labError, makeFolder } from '../../helpers/model-folder.ts';

type Facts = Omit<QuantizedMatrix, 'codes' | 'scales' | 'zeroPoints' | 'groupIndex'>;
type Part = 'codes' | 'scales' | 'zeroPoints' | 'groupIndex';

/** A source that holds the parts of one matrix. */
async function stored(facts: Facts, parts: Readonly<Partial<Record<Part, GoldenTensor>>>) {
  const folder = makeFolder();
  const list = Object.entries(parts).map(([name, { type, shape, bytes }]) => ({
    name,
    type: type as TensorType,
    shape,
    data: bytes,
  }));
  await writeSafetensors(join(folder, 'model.safetensors'), list);
  const { tensors, files } = await readSafetensorsFolder(folder, 0);
  const part = (name: Part) => tensors.get(name) ?? null;
  const matrix: QuantizedMatrix = {
    ...facts,
    ...{ codes: part('codes')!, scales: part('scales')! },
    ...{ zeroPoints: part('zeroPoints'), groupIndex: part('groupIndex') },
  };
  return { source: { folder, files, tensors } as unknown as ModelSource, matrix };
}

async function inParts(source: ModelSource, matrix: QuantizedMatrix, chunkElements: number) {
  const values: number[] = [];
  let chunks = 0;
  for await (const chunk of matrixChunks(source, matrix, chunkElements)) {
    values.push(...chunk);
    chunks += 1;
  }
  return { chunks, values: values.sort((a, b) => a - b) };
}

const packed =
  readGoldenJson<Record<string, { bits: number; group_size: number; checkpoint_format?: string; K: number; N: number }>>(
    'quant/gptq_awq.json',
  ); // prettier-ignore

async function goldenMatrix(name: string) {
  const tensors = await readGoldenTensors(join(goldenFolder, 'quant/gptq_awq.safetensors'));
  const { bits, group_size: size, checkpoint_format: format, K: columns, N: rows } = packed[name]!;
  const groupIndex = tensors.get(`${name}.g_idx`);
  return stored(
    {
      ...{ name, rows, columns, bits, layout: name.startsWith('awq') ? 'awq' : 'gptq' },
      ...{ blockSize: size === -1 ? columns : size, zeroPointOffset: format === 'gptq' ? 1 : 0 },
    },
    {
      codes: tensors.get(`${name}.qweight`)!,
      scales: tensors.get(`${name}.scales`)!,
      zeroPoints: tensors.get(`${name}.qzeros`)!,
      ...(groupIndex && { groupIndex }),
    },
  );
}

describe('a packed matrix in parts', () => {
  test.each(Object.keys(packed))('has the values of the whole: %s', async (name) => {
    const { source, matrix } = await goldenMatrix(name);
    const whole = dequantizeMatrix(matrix, await readMatrixParts(source, matrix));
    const { chunks, values } = await inParts(source, matrix, 40 * matrix.rows);
    expect(chunks).toBe(matrix.columns / 32);
    expect(values).toEqual([...whole].sort((a, b) => a - b));
  });

  test.each(['b2_g16_sym', 'b4_g32_zp', 'b8_g64_zp', 'b4_g128_zp'])(
    'has the values of the whole: MatMulNBits %s',
    async (name) => {
      const tensors = await readGoldenTensors(join(goldenFolder, `quant/matmulnbits/${name}.safetensors`));
      const [, bits = 0, blockSize = 0] = (/b(\d)_g(\d+)/.exec(name) ?? []).map(Number);
      const [rows = 0, columns = 0] = tensors.get('dequant')!.shape;
      const zeroPoints = tensors.get('zero_points');
      const { source, matrix } = await stored(
        { name, layout: 'matmulnbits', rows, columns, bits, blockSize, zeroPointOffset: 0 },
        { codes: tensors.get('B')!, scales: tensors.get('scales')!, ...(zeroPoints && { zeroPoints }) },
      );
      const whole = dequantizeMatrix(matrix, await readMatrixParts(source, matrix));
      const { chunks, values } = await inParts(source, matrix, 3 * columns);
      expect(chunks).toBe(Math.ceil(rows / 3));
      expect(values).toEqual([...whole].sort((a, b) => a - b));
    },
  );

  test('is what its codes stand for; its packed zero points have no values of their own', async () => {
    const { source, matrix } = await goldenMatrix('gptq4_actorder');
    const values = storedValues({ ...source, matrices: new Map([['w', matrix]]) });
    expect([...values.keys()].sort()).toEqual(['codes', 'groupIndex', 'scales', 'zeroPoints']);
    expect(values.get('codes')!.values).toBe(matrix.rows * matrix.columns);
    const read = async (name: string) => {
      for await (const chunk of values.get(name)!.chunks()) return chunk;
      return null;
    };
    expect(await read('codes')).toHaveLength(matrix.rows * matrix.columns);
    expect(await read('groupIndex')).toHaveLength(matrix.columns);
    expect(await labError(read('zeroPoints'))).toMatchObject({
      code: 'unsupported-type',
      message: expect.stringContaining('those of codes') as string,
    });
  });

  test('is refused where a column names no group, and where codes are missing', async () => {
    const { source, matrix } = await goldenMatrix('gptq4_actorder');
    const wrong = { ...matrix, blockSize: 2 * matrix.blockSize };
    expect(await labError(inParts(source, wrong, 1))).toMatchObject({ code: 'bad-file' });
    const larger = { ...matrix, columns: 2 * matrix.columns };
    expect(await labError(inParts(source, larger, 1))).toMatchObject({ code: 'bad-file' });
  });
});
