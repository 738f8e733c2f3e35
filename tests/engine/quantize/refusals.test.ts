/** What cannot be quantized, or not as a folder: said before anything is written, with the part that is missing and what to do instead. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeModel } from '../../../electron/formats/onnx/protobuf.ts';
import { maximumMessages } from '../../../electron/formats/onnx/wire.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { planFolder, type FolderPlan } from '../../../electron/engine/quantize/genai-folder.ts';
import { quantizeModel } from '../../../electron/engine/quantize/quantize-model.ts';
import { isQuantized, parseRecipe } from '../../../electron/engine/quantize/recipe.ts';
import { graphSize, roundedMessages } from '../../../electron/engine/onnx/graph/graph-size.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { goldenFolder, readGoldenJson } from '../../helpers/golden.ts';
import { copyTinyModel, labError } from '../../helpers/model-folder.ts';
import { tinyFolder } from '../../helpers/native-engine.ts';
import { quiet } from '../../helpers/packs.ts';
import { outOf, request } from '../../helpers/variants.ts';

const withRope = (scaling: object) => () =>
  copyTinyModel('llama', {
    'config.json': { ...readGoldenJson<object>('tiny', 'llama', 'config.json'), rope_scaling: scaling },
  });

describe('refused as a folder, made as a pack:', () => {
  test.each([
    ['Mamba', () => tinyFolder('mamba'), /state-space layers, and 3 of its 3 layers are such/],
    ['Mamba 2', () => tinyFolder('mamba2'), /state-space layers, and 3 of its 3 layers are such/],
    ['longrope', () => tinyFolder('phi3-longrope'), /rope changes beyond 32 positions .* \(longrope\)/],
    [
      'dynamic NTK',
      withRope({ type: 'dynamic', factor: 2 }),
      /rope changes beyond 256 positions .* \(dynamic NTK\)/,
    ],
  ])('%s', async (_, path, message) => {
    const asked = request(path(), 'q4-g32');
    const error = await labError(quantizeModel(asked, quiet));
    expect(error).toMatchObject({ code: 'unsupported-feature', detail: { field: 'format' } });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/cannot be written as an ONNX folder: .*A pack can hold it \(--format pack\)\.$/);
    expect(readdirSync(asked.out)).toEqual([]);
    await quantizeModel({ ...asked, formats: ['pack'] }, quiet);
    expect(readdirSync(asked.out)).toEqual([expect.stringMatching(/\.retortpack$/)]);
  }); // prettier-ignore

  test('a mixture of thousands of experts, whose graph nothing would read', async () => {
    const planned = async (experts: number): Promise<FolderPlan> => {
      const source = await readModelSource(tinyFolder('mixtral'));
      const model = resolveModel(source);
      const weights = new Map(model.weights);
      for (let expert = 4; expert < experts; expert++) {
        for (const part of ['gate', 'up', 'down']) {
          const first = model.weights.get(`layers.0.experts.0.${part}.weight`)!;
          weights.set(`layers.0.experts.${expert}.${part}.weight`, first);
        }
      }
      return planFolder(source, { ...model, weights }, parseRecipe('q4'), 'reference');
    };
    expect((await planned(2500)).bytes).toBeGreaterThan(2500 * 3 * 64 * 64);
    const plan = await labError(planned(6000));
    expect(plan.message).toMatch(
      /its 18,\d+ matrices would make a graph of up to 3\d\d,\d+ parts, and Retort reads 160,000\. A pack can/,
    );
  });

  test.each([
    ['mixtral', 'q8', 'reference'],
    ['olmoe', 'q8-zp', 'fast'],
    ['opt', 'q4', 'reference'],
    ['gemma3_text', 'q2-zp', 'reference'],
  ] as const)('the graph of %s by %s in %s arithmetic is no larger than was thought', async (model, name, arithmetic) => {
    const outcome = await quantizeModel(request(tinyFolder(model), name, { formats: ['onnx'], arithmetic }), quiet);
    const bytes = readFileSync(join(outOf(outcome, 'onnx'), 'model.onnx'));
    const messages = messagesIn(decodeModel(bytes));
    const { bits, zeroPoints: hasPoints } = parseRecipe(name);
    const each = roundedMessages({ bits, hasPoints }, arithmetic);
    const size = graphSize(resolveModel(await readModelSource(tinyFolder(model))), (weight) => (isQuantized(weight) ? each : null));
    expect(messages).toBeGreaterThan(0.3 * size.messages);
    expect(messages).toBeLessThanOrEqual(size.messages);
    expect(bytes.length).toBeLessThanOrEqual(size.bytes);
    expect(size.isTooLarge).toBe(size.messages > maximumMessages);
  }); // prettier-ignore
});

function messagesIn(value: unknown): number {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return 0;
  return Object.values(value).reduce<number>(
    (sum, each) => sum + messagesIn(each),
    '$typeName' in value ? 1 : 0,
  );
}

describe('refused at all:', () => {
  test('a recipe that is none', async () => {
    const asked = request(tinyFolder('llama'), 'q5');
    const error = await labError(quantizeModel(asked, quiet));
    expect(error.code).toBe('bad-request');
    expect(error.message).toMatch(/q2, q4 or q8/);
    expect(readdirSync(asked.out)).toEqual([]);
  });

  test('a pack, a folder that is there, a graph without names', async () => {
    const asked = request(tinyFolder('llama'), 'q4-g32');
    mkdirSync(join(asked.out, 'llama-q4-g32'));
    expect(await labError(quantizeModel(asked, quiet))).toMatchObject({ code: 'bad-request' });
    expect(readdirSync(asked.out)).toEqual(['llama-q4-g32']);
    const pack = await quantizeModel(request(tinyFolder('llama'), 'q8', { formats: ['pack'] }), quiet);
    const again = await labError(quantizeModel(request(outOf(pack, 'pack'), 'q4-g32'), quiet));
    expect(again.message).toMatch(/quantize the model it was made of/);
    const graph = join(goldenFolder, 'exports', 'llama-plain');
    expect((await labError(quantizeModel(request(graph, 'q8'), quiet))).code).toBe('unsupported-feature');
  });
});
