/** What is said of a folder's size, though its graph names some bytes twice and keeps 8-bit codes as two halves. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspect } from '../../../electron/engine/handlers/inspect.ts';
import { quantizeModel, type QuantizeRequest } from '../../../electron/engine/quantize/quantize-model.ts';
import { makeFolder } from '../../helpers/model-folder.ts';
import { tinyFolder } from '../../helpers/native-engine.ts';
import { quiet } from '../../helpers/packs.ts';

test.each([
  ['llama/model-q8_0.gguf', 'q8'],
  ['llama/model-q8_0.gguf', 'q4-g32'],
  ['gemma2', 'q8'],
])('%s by %s: every weight and every byte counts once', async (model, recipe) => {
  const out = makeFolder();
  const request: QuantizeRequest = {
    ...{ path: tinyFolder(model), name: 'tiny', recipe, out, formats: ['onnx'] },
    ...{ arithmetic: 'reference', threads: 2, isEstimate: false },
  };
  await quantizeModel(request, quiet);
  const source = await inspect(request.path);
  const folder = await inspect(join(out, `tiny-${recipe === 'q8' ? 'q8-g32' : recipe}`));
  const data = folder.files.find(({ name }) => name.endsWith('.data'))!;
  const weights = Object.values(folder.types).reduce((sum, bytes) => sum + bytes, 0);
  expect(weights).toBeLessThan(data.bytes + 64 * 1024);
  expect(Object.keys(folder.types)).toContain('MatMulNBits 4-bit');
  // Zero points are no codes.
  expect(folder.types['U8'] ?? 0).toBeLessThan(weights / 20);
  const added = folder.tensors
    .filter(({ name }) => name.startsWith('rope') || name.startsWith('constant') || name.endsWith('.offsets'))
    .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  expect(folder.parameters - added).toBeLessThan(1.02 * source.parameters);
  expect(folder.parameters - added).toBeGreaterThan(0.98 * source.parameters);
});

test('a pack has as many parameters as what it was made of', async () => {
  const out = makeFolder();
  const request: QuantizeRequest = {
    ...{ path: tinyFolder('llama'), name: 'tiny', recipe: 'q4-g32', out, formats: ['pack'] },
    ...{ arithmetic: 'reference', threads: 2, isEstimate: false },
  };
  await quantizeModel(request, quiet);
  const { parameters, types } = await inspect(join(out, 'tiny-q4-g32.retortpack'));
  expect(parameters).toBe((await inspect(request.path)).parameters);
  expect(Object.values(types).reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(2 * parameters);
});
