import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { readWeight, readWeightBytes } from '../../electron/formats/read-weight.ts';
import { dequantize } from '../../electron/formats/dequantize/index.ts';
import { resolveModel } from '../../models/families/index.ts';
import { writeSafetensors } from '../../electron/formats/safetensors/write.ts';
import { goldenFolder } from '../helpers/golden.ts';
import { copyTinyModel, labError } from '../helpers/model-folder.ts';

const plain = { transposed: false, rows: null } as const;

describe('reading weights', () => {
  test.each(['mixtral', 'llama'])(
    'rows of quantized %s tensors are read alone and equal those of the whole',
    async (name) => {
      const source = await readModelSource(join(goldenFolder, 'tiny', name, 'model-q8_0.gguf'));
      const { weights } = resolveModel(source);
      let parts = 0;
      for (const weight of weights.values()) {
        if (weight.source.kind !== 'tensor' || !weight.rows) continue;
        parts++;
        const { tensor } = weight.source;
        const elements = tensor.shape.reduce((product, size) => product * size, 1);
        const whole = dequantize(tensor.type, await readWeightBytes(source, tensor), elements);
        const columns = weight.shape.length > 1 ? weight.shape[1]! : 1;
        const { start, count } = weight.rows;
        expect(await readWeight(source, weight)).toEqual(
          whole.slice(start * columns, (start + count) * columns),
        );
      }
      expect(parts > 0).toBe(name === 'mixtral');
    },
  );

  test('a stack of matrices is transposed one by one', async () => {
    const folder = copyTinyModel('llama');
    const data = Float32Array.from({ length: 12 }, (_, i) => i);
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'w', type: 'F32', shape: [2, 2, 3], data },
    ]);
    const source = await readModelSource(folder);
    const tensor = source.tensors.get('w')!;
    const weight = { source: { kind: 'tensor', tensor }, transposed: true } as const;
    const turned = await readWeight(source, { ...weight, shape: [6, 2], rows: null });
    expect([...turned]).toEqual([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
    const second = await readWeight(source, { ...weight, shape: [3, 2], rows: { start: 3, count: 3 } });
    expect([...second]).toEqual([6, 9, 7, 10, 8, 11]);
    const vector = await readWeight(source, { ...weight, ...plain, shape: [4, 3], rows: null });
    expect(vector).toEqual(data);
  });

  test('a range outside the tensor and a type without values are refused', async () => {
    const folder = copyTinyModel('llama');
    const data = Uint8Array.of(1, 2, 3, 4);
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'w', type: 'F8_E4M3', shape: [4], data },
    ]);
    const source = await readModelSource(folder);
    const tensor = source.tensors.get('w')!;
    expect(await readWeightBytes(source, tensor, { start: 1, length: 2 })).toEqual(Buffer.of(2, 3));
    for (const range of [
      { start: 3, length: 2 },
      { start: -1, length: 1 },
    ]) {
      expect((await labError(readWeightBytes(source, tensor, range))).detail.field).toBe('w');
    }
    const weight = { source: { kind: 'tensor', tensor }, shape: [4], ...plain } as const;
    expect((await labError(readWeight(source, weight))).code).toBe('unsupported-type');
  });
});
