import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cli } from '../helpers/cli.ts';
import {
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type TinyExpectation,
} from '../helpers/golden.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'retort-goldens-'));
});
afterAll(() => rm(home, { recursive: true }));

const models = [
  'llama', 'llama/model-f32.gguf', 'llama3-rope', 'llama3-rope/model-f32.gguf', 'llama-yarn', 'llama-linear', 'qwen2', 'qwen3', 'mistral',
  'mixtral', 'olmoe', 'qwen3_moe', 'opt', 'opt-post', 'gemma2', 'gemma3_text', 'phi3', 'phi3-longrope', 'gpt2', 'llama-gptq',
  'llama-gptq-actorder', 'llama-awq',
]; // prettier-ignore

describe('retort logits --hidden on the onnx engine', () => {
  test.each(models)('%s meets the golden logits, hidden states and router choices', async (model) => {
    const folder = join(goldenFolder, 'tiny', model.split('/')[0]!);
    const { input_ids: ids } = readGoldenJson<TinyExpectation>('tiny', model.split('/')[0]!, 'expected.json');
    const out = join(home, `${model.replaceAll('/', '-')}.safetensors`);
    const args = [
      '--ids',
      ids.join(','),
      '--hidden',
      '--out',
      out,
      '--engine',
      'onnx',
      '--arithmetic',
      'reference',
    ];
    const { code, stderr } = await cli(['logits', join(goldenFolder, 'tiny', model), ...args], { home });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const written = await readGoldenTensors(out);
    let compared = 0;
    for (const [name, tensor] of await readGoldenTensors(join(folder, 'expected.safetensors'))) {
      if (!/^(logits|hidden\..*|router\.\d+\.(logits|topk))$/.test(name)) continue;
      const own = written.get(name)!;
      compared++;
      expect(own.shape, name).toEqual(tensor.shape);
      if (name.endsWith('topk')) expect([...own.integers()], name).toEqual([...tensor.integers()]);
      else expect(maximumDifference(own.floats(), tensor.floats()), name).toBeLessThan(1e-4);
    }
    expect(compared).toBeGreaterThan(0);
  });
});

describe('retort perplexity of the bundled model on the onnx engine', () => {
  const text = join(goldenFolder, 'smollm2', 'text.txt');
  const { reference } = readGoldenJson<{ reference: { ppl: number; ppl_second_half: number } }>(
    'smollm2',
    'ppl.json',
  );
  const measure = async (...more: string[]) => {
    const shape = [
      '--file',
      text,
      '--context',
      '512',
      '--tokens',
      '2048',
      '--engine',
      'onnx',
      '--json',
      ...more,
    ];
    const { stdout } = await cli(['perplexity', 'smollm2-135m-instruct', ...shape], { home });
    return JSON.parse(stdout) as { perplexity: number; tokens: number };
  };

  test('is the golden one within 0.1 % in reference arithmetic', async () => {
    const { perplexity, tokens } = await measure('--arithmetic', 'reference');
    expect(tokens).toBe(2044);
    expect(Math.abs(perplexity / reference.ppl - 1)).toBeLessThan(0.001);
  }, 300_000);

  test('is the golden one within 0.1 % where only second halves count', async () => {
    const { perplexity, tokens } = await measure('--arithmetic', 'reference', '--second-half');
    expect(tokens).toBe(1024);
    expect(Math.abs(perplexity / reference.ppl_second_half - 1)).toBeLessThan(0.001);
  }, 300_000);

  test('is the golden one within 0.5 % in fast arithmetic', async () => {
    const { perplexity } = await measure('--arithmetic', 'fast');
    expect(Math.abs(perplexity / reference.ppl - 1)).toBeLessThan(0.005);
  }, 300_000);
});
