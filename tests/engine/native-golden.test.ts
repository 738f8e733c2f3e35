import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Arithmetic, Engine } from '../../electron/engine/engine.ts';
import { scoreRows } from '../../electron/engine/native/sampler.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import {
  bundledModel,
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
} from '../helpers/golden.ts';
import {
  expectedOf,
  greedy,
  openModel,
  rowsOf,
  tinyCases as cases,
  tinyFolder,
} from '../helpers/native-engine.ts';

/** Those whose golden data has attention. */
const attentionCases = ['llama', 'gpt2', 'qwen3', 'mistral', 'gemma2'];
const ggufCases = ['llama', 'llama3-rope', 'qwen2', 'qwen3', 'mixtral', 'gemma3_text'];

describe('the native engine in reference arithmetic', () => {
  it.each(cases)('gives the golden logits, hidden states and router choices of %s', async (name) => {
    const engine = await openModel(tinyFolder(name));
    const expected = await readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));
    const { input_ids: ids } = expectedOf(name);
    const session = await engine.createSession({ context: ids.length });
    const result = await session.evaluate({ ids: Int32Array.from(ids), rows: 'all', hidden: true });
    expect(maximumDifference(result.logits, expected.get('logits')!.floats())).toBeLessThan(1e-4);
    for (const [key, { shape, data }] of result.hidden!) {
      const golden = expected.get(key)!;
      expect(shape, key).toEqual(golden.shape);
      if (data instanceof Int32Array) expect(data, key).toEqual(golden.integers());
      else expect(maximumDifference(data, golden.floats()), key).toBeLessThan(1e-4);
    }
    const { layers } = resolveModel(await readModelSource(tinyFolder(name))).spec;
    const routers = layers.filter(
      (layer) => layer.kind === 'attention' && layer.feedForward.kind === 'experts',
    );
    expect(result.hidden!.size).toBe(layers.length + 2 + 3 * routers.length);
  });

  it.each(cases.filter((name) => name !== 'phi3-longrope'))(
    'continues %s greedily as the golden data',
    async (name) => {
      const engine = await openModel(tinyFolder(name));
      const { input_ids: ids, greedy: wanted } = expectedOf(name);
      const session = await engine.createSession({ context: ids.length + wanted.length });
      expect(await greedy(session, ids, wanted.length)).toEqual(wanted);
    },
  );

  it.each(attentionCases)('shows the golden attention of the last token of %s', async (name) => {
    const engine = await openModel(tinyFolder(name));
    const expected = await readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));
    const probabilities = expected.get('attn0.probs')!;
    const [heads = 0, length = 0] = probabilities.shape;
    const ids = Int32Array.from(expectedOf(name).input_ids);
    const session = await engine.createSession({ context: length });
    await session.evaluate({ ids: ids.subarray(0, -1), rows: 'none' });
    for (let head = 0; head < heads; head++) {
      const { attention } = await session.evaluate({
        ids: ids.subarray(-1),
        rows: 'none',
        attention: { head },
      });
      const start = (head * length + length - 1) * length;
      const golden = probabilities.floats().subarray(start, start + length);
      expect(maximumDifference(attention![0]!, golden)).toBeLessThan(1e-5);
      session.rollback(1);
    }
  });

  it.each(ggufCases)('gives the golden logits of the GGUF files of %s', async (name) => {
    const expected = await readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));
    const golden = expectedOf(name);
    const ids = Int32Array.from(golden.input_ids);
    for (const [file, key, drawn] of [
      ['model-f32.gguf', 'logits', golden.greedy],
      ['model-q8_0.gguf', 'q8_0.logits', golden.q8_0!.greedy],
    ] as const) {
      const engine = await openModel(join(tinyFolder(name), file));
      const session = await engine.createSession({ context: ids.length + 24 });
      const logits = await rowsOf(session, ids);
      expect(maximumDifference(logits, expected.get(key)!.floats()), file).toBeLessThan(1e-4);
      session.truncate(0);
      expect(await greedy(session, golden.input_ids, 24), file).toEqual(drawn);
    }
  });
});

describe('the bundled model in the native engine', () => {
  interface GoldenLogits {
    readonly prompts: readonly { ids: number[]; top10: [number, number][][] }[];
  }

  it('meets the golden logits in reference arithmetic', async () => {
    const engine = await openModel(bundledModel);
    const tensors = await readGoldenTensors(join(goldenFolder, 'smollm2', 'tensors.safetensors'));
    const { prompts } = readGoldenJson<GoldenLogits>('smollm2', 'logits.json');
    const width = engine.info.vocabularySize;
    for (const [index, prompt] of prompts.entries()) {
      const session = await engine.createSession({ context: 256 });
      const { logits } = await session.evaluate({ ids: Int32Array.from(prompt.ids), rows: 'all' });
      prompt.top10.forEach((top, position) => {
        for (const [id, value] of top)
          expect(Math.abs(logits[position * width + id]! - value)).toBeLessThan(2e-3);
      });
      const last = tensors.get(`prompt${index}.last_logits`)!.floats();
      expect(maximumDifference(logits.subarray(-width), last)).toBeLessThan(2e-3);
    }
  });

  it('follows the golden greedy chats in reference arithmetic', async () => {
    interface GreedyChats {
      readonly chats: readonly { prompt_ids: number[]; ids: number[]; may_differ_at: number[] }[];
    }
    const engine = await openModel(bundledModel);
    const { chats } = readGoldenJson<GreedyChats>('smollm2', 'greedy.json');
    for (const chat of chats) {
      const session = await engine.createSession({ context: 256 });
      const free = Math.min(...chat.may_differ_at, chat.ids.length);
      expect(await greedy(session, chat.prompt_ids, free)).toEqual(chat.ids.slice(0, free));
      session.close();
    }
  });

  it('has the golden perplexity: within 0.1 % in reference arithmetic, 0.5 % in fast, whose KL is below 0.005', async () => {
    const tensors = await readGoldenTensors(join(goldenFolder, 'smollm2', 'tensors.safetensors'));
    const ids = tensors.get('ppl.token_ids')!.integers();
    const golden = tensors.get('ppl.nll')!.floats();
    const mean = (values: Iterable<number>) => {
      const all = [...values];
      return all.reduce((sum, value) => sum + value, 0) / all.length;
    };
    const windowTokens = 512;
    const engines = new Map<Arithmetic, Engine>();
    for (const arithmetic of ['reference', 'fast'] as const)
      engines.set(arithmetic, await openModel(bundledModel, { arithmetic }));
    const losses = new Map<Arithmetic, number[]>([['reference', []], ['fast', []]]); // prettier-ignore
    const divergences: number[] = [];
    for (let start = 0; start < ids.length; start += windowTokens) {
      const window = ids.slice(start, start + windowTokens);
      const targets = window.subarray(1);
      let reference: Float32Array | null = null;
      for (const [arithmetic, engine] of engines) {
        const session = await engine.createSession({ context: windowTokens });
        const width = engine.info.vocabularySize;
        const logits = (await rowsOf(session, window)).subarray(0, targets.length * width);
        session.close();
        const [first, second] = scoreRows(reference ? [reference, logits] : [logits], width, targets);
        losses.get(arithmetic)!.push(...(second ?? first)!.negativeLogProbability);
        if (second?.divergence) divergences.push(...second.divergence);
        reference = logits;
      }
    }
    const ratio = (arithmetic: Arithmetic) => Math.exp(mean(losses.get(arithmetic)!) - mean(golden));
    expect(Math.abs(ratio('reference') - 1)).toBeLessThan(1e-3);
    expect(Math.abs(ratio('fast') - 1)).toBeLessThan(5e-3);
    expect(mean(divergences)).toBeLessThan(5e-3);
  }, 60_000);
});
