/** Packed groups back to values: those of the readable reference; a coded error for whatever else it is handed. */
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nativeAddon, type NativeMatrixType } from '../../electron/engine/native/addon.ts';
import { goldenFolder, readGoldenTensors } from '../helpers/golden.ts';
import { outcome, strangers, type Anything } from '../helpers/strangers.ts';

const addon = nativeAddon();
const blocks = await readGoldenTensors(join(goldenFolder, 'quant/gguf_blocks.safetensors'));
const types = ['q4_0', 'q4_1', 'q5_0', 'q8_0', 'q4_k', 'q6_k'] as const satisfies readonly NativeMatrixType[];

async function packed(type: (typeof types)[number]) {
  const engine = new addon.NativeEngine({ arithmetic: 'reference', threads: 1, kernels: '' });
  onTestFinished(() => engine.close());
  const name = type.toUpperCase();
  const expected = blocks.get(`${name}.f32`)!.floats();
  const columns = type.endsWith('k') ? 256 : 32;
  const rows = expected.length / columns;
  const { number } = await engine.pack({ type, rows, columns, bytes: blocks.get(`${name}.bytes`)!.bytes });
  const { rows: _rows, columns: _columns, groups, groupBytes: _groupBytes, ...layout } = engine.matrixLayout(number);
  return { layout, rows, columns, bytes: engine.copyGroups(number, 0, groups), expected };
}

describe('groups of a packed matrix', () => {
  it.each(types)('are unpacked to the values that were packed: %s', async (type) => {
    const { layout, rows, columns, bytes, expected } = await packed(type);
    const values = addon.unpackGroups(layout, rows, columns, bytes);
    expect(values.length).toBe(expected.length);
    // + 0 turns −0 into 0: codes that are kept with another zero change the sign of a zero.
    expect([...values].map((value) => value + 0)).toEqual([...expected].map((value) => value + 0));
    // The last group is filled up with a row that is there already.
    expect(addon.unpackGroups(layout, rows - 1, columns, bytes)).toEqual(values.subarray(0, (rows - 1) * columns));
  });

  it('are refused where layout, sizes and bytes do not agree', async () => {
    const { layout, rows, columns, bytes } = await packed('q4_k');
    const unpack = (...given: unknown[]) => outcome(() => (addon as unknown as Anything)['unpackGroups']!(...given));
    expect(await unpack(layout, rows, columns, bytes)).toBe('accepted');
    expect(await unpack(layout, rows, columns, bytes.subarray(1))).toBe('bad-request');
    expect(await unpack(layout, rows + 8, columns, bytes)).toBe('bad-request');
    expect(await unpack(layout, rows, columns + 1, bytes)).toBe('bad-file');
    expect(await unpack({ ...layout, scales: 'f16' }, rows, columns, bytes)).toBe('bad-file');
    for (const stranger of strangers) {
      for (let place = 0; place < 4; place++) {
        const given: unknown[] = [layout, rows, columns, bytes];
        given[place] = stranger;
        expect(await unpack(...given)).toMatch(/^bad-/);
      }
    }
  });
});
