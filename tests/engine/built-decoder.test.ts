import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Arithmetic, Engine, Session } from '../../electron/engine/engine.ts';
import { openBuiltDecoder } from '../../electron/engine/onnx/open.ts';
import { readModelSource } from '../../electron/formats/open-source.ts';
import { resolveModel } from '../../models/families/index.ts';
import {
  argmax,
  bundledModel,
  goldenFolder,
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type TinyExpectation,
} from '../helpers/golden.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'retort-graphs-'));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

async function openModel(path: string, arithmetic: Arithmetic = 'reference'): Promise<Engine> {
  const source = await readModelSource(path);
  return openBuiltDecoder(source, resolveModel(source), {
    arithmetic,
    device: 'cpu',
    threads: 2,
    cacheFolder,
  });
}

const tinyFolder = (name: string) => join(goldenFolder, 'tiny', name);

async function greedy(session: Session, ids: readonly number[], count: number): Promise<number[]> {
  const drawn: number[] = [];
  let next = Int32Array.from(ids);
  while (drawn.length < count) {
    const { logits } = await session.evaluate({ ids: next, rows: 'last' });
    drawn.push(argmax(logits));
    next = Int32Array.of(drawn.at(-1)!);
  }
  return drawn;
}

const transformers = [
  'llama', 'llama3-rope', 'llama-yarn', 'llama-linear', 'qwen2', 'qwen3', 'mistral', 'mixtral', 'olmoe', 'qwen3_moe',
  'opt', 'opt-post', 'gemma2', 'gemma3_text', 'phi3', 'phi3-longrope', 'gpt2', 'llama-gptq', 'llama-gptq-actorder', 'llama-awq',
]; // prettier-ignore
const ggufCases = ['llama', 'llama3-rope', 'qwen2', 'qwen3', 'mixtral', 'gemma3_text'];

describe('a built decoder in reference arithmetic', () => {
  it.each(transformers)('gives the golden logits, hidden states and router choices of %s', async (name) => {
    const engine = await openModel(tinyFolder(name));
    const expected = await readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));
    const { input_ids: ids } = readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');
    const session = await engine.createSession({ context: ids.length });
    const result = await session.evaluate({ ids: Int32Array.from(ids), rows: 'all', hidden: true });
    expect(maximumDifference(result.logits, expected.get('logits')!.floats())).toBeLessThan(1e-4);
    let compared = 0;
    for (const [key, tensor] of expected) {
      const hidden = result.hidden!.get(key);
      if (/^hidden\.|^router\.\d+\.logits$/.test(key)) {
        expect(maximumDifference(hidden!.data, tensor.floats()), key).toBeLessThan(1e-4);
        compared++;
      } else if (/^router\.\d+\.topk$/.test(key)) {
        expect([...hidden!.data], key).toEqual([...tensor.integers()]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThanOrEqual(name.startsWith('llama-') && /gptq|awq/.test(name) ? 0 : 5);
    await engine.close();
  });

  it.each(transformers.filter((name) => name !== 'phi3-longrope'))(
    'continues %s greedily as the golden data',
    async (name) => {
      const engine = await openModel(tinyFolder(name));
      const { input_ids: ids, greedy: wanted } = readGoldenJson<TinyExpectation>(
        'tiny',
        name,
        'expected.json',
      );
      const session = await engine.createSession({ context: ids.length + wanted.length });
      expect(await greedy(session, ids, wanted.length)).toEqual(wanted);
      await engine.close();
    },
  );

  it.each(ggufCases)('gives the golden logits of the GGUF files of %s', async (name) => {
    const expected = await readGoldenTensors(join(tinyFolder(name), 'expected.safetensors'));
    const golden = readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');
    const ids = Int32Array.from(golden.input_ids);
    for (const [file, key, drawn] of [
      ['model-f32.gguf', 'logits', golden.greedy],
      ['model-q8_0.gguf', 'q8_0.logits', golden.q8_0!.greedy],
    ] as const) {
      const engine = await openModel(join(tinyFolder(name), file));
      const session = await engine.createSession({ context: ids.length + 24 });
      const { logits } = await session.evaluate({ ids, rows: 'all' });
      expect(maximumDifference(logits, expected.get(key)!.floats()), file).toBeLessThan(1e-4);
      session.truncate(0);
      expect(await greedy(session, golden.input_ids, 24), file).toEqual(drawn);
      await engine.close();
    }
  });
});

describe('a session', () => {
  it.each(['llama', 'gemma2', 'mixtral', 'opt', 'gpt2'])(
    'gives the same logits for %s in chunks, after rollback, forked and restored',
    async (name) => {
      const engine = await openModel(tinyFolder(name));
      const { input_ids } = readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');
      const ids = Int32Array.from(input_ids);
      const whole = await engine.createSession({ context: 64 });
      const { logits } = await whole.evaluate({ ids, rows: 'all' });
      const width = engine.info.vocabularySize;
      const check = async (session: Session, from: number, to: number) => {
        const part = await session.evaluate({ ids: ids.slice(from, to), rows: 'all' });
        expect(maximumDifference(part.logits, logits.subarray(from * width, to * width))).toBeLessThan(1e-4);
      };
      const session = await engine.createSession({ context: 64 });
      for (const [from, to] of [[0, 1], [1, 4], [4, 11], [11, 30]] as const) await check(session, from, to); // prettier-ignore
      session.rollback(10);
      expect(session.length).toBe(20);
      const fork = session.fork();
      await check(session, 20, 25);
      await check(fork, 20, 48);
      const file = join(cacheFolder, `${name}.session`);
      await session.save(file);
      const restored = await engine.createSession({ context: 64 });
      await restored.restore(file);
      expect(restored.length).toBe(25);
      await check(restored, 25, 48);
      await check(session, 25, 48);
      await engine.close();
    },
  );

  it.each(['llama', 'gemma2', 'gpt2'])('evaluates a tree of %s as its branches one by one', async (name) => {
    const engine = await openModel(tinyFolder(name));
    const { input_ids } = readGoldenJson<TinyExpectation>('tiny', name, 'expected.json');
    const prefix = Int32Array.from(input_ids.slice(0, 20));
    const session = await engine.createSession({ context: 64 });
    await session.evaluate({ ids: prefix, rows: 'none' });
    // 5 → (9 → 3), (7)
    const tree = session.fork();
    const result = await tree.evaluate({
      ids: Int32Array.of(5, 9, 3, 7),
      parents: Int32Array.of(-1, 0, 1, 0),
      positions: Int32Array.of(20, 21, 22, 21),
      rows: 'all',
    });
    const width = engine.info.vocabularySize;
    for (const [branch, node] of [
      [[5, 9, 3], 2],
      [[5, 7], 3],
    ] as const) {
      // prettier-ignore
      const alone = await session.fork().evaluate({ ids: Int32Array.from(branch), rows: 'last' });
      expect(
        maximumDifference(result.logits.subarray(node * width, (node + 1) * width), alone.logits),
      ).toBeLessThan(1e-4);
    }
    await engine.close();
  });

  it('takes embedding rows in place of ids and returns only the chosen rows', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const { input_ids } = readGoldenJson<TinyExpectation>('tiny', 'llama', 'expected.json');
    const ids = Int32Array.from(input_ids.slice(0, 8));
    const session = await engine.createSession({ context: 16 });
    const all = await session.evaluate({ ids, rows: 'all', hidden: true });
    const embeddings = all.hidden!.get('hidden.embed')!.data as Float32Array;
    session.truncate(0);
    const chosen = await session.evaluate({ embeddings, rows: Int32Array.of(6, 2) });
    const width = engine.info.vocabularySize;
    expect(chosen.rows).toBe(2);
    expect(
      maximumDifference(chosen.logits.subarray(0, width), all.logits.subarray(6 * width, 7 * width)),
    ).toBeLessThan(1e-5);
    expect(
      maximumDifference(chosen.logits.subarray(width), all.logits.subarray(2 * width, 3 * width)),
    ).toBeLessThan(1e-5);
    await engine.close();
  });

  it('refuses what does not fit and stays as it was', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const session = await engine.createSession({ context: 4 });
    await session.evaluate({ ids: Int32Array.of(1, 2), rows: 'last' });
    await expect(session.evaluate({ ids: Int32Array.of(1, 2, 3), rows: 'last' })).rejects.toMatchObject({
      code: 'context-full',
    });
    await expect(session.evaluate({ ids: Int32Array.of(320), rows: 'last' })).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(session.evaluate({ ids: Int32Array.of(1), rows: Int32Array.of(1) })).rejects.toMatchObject({
      code: 'bad-request',
    });
    const parents = Int32Array.of(0);
    await expect(session.evaluate({ ids: Int32Array.of(1), parents, rows: 'last' })).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(session.evaluate({ rows: 'last' })).rejects.toMatchObject({ code: 'bad-request' });
    expect(() => session.rollback(3)).toThrow('Cannot keep');
    const aborted = AbortSignal.abort();
    await expect(session.evaluate({ ids: Int32Array.of(1), rows: 'last' }, aborted)).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(session.length).toBe(2);
    await engine.close();
  });

  it('refuses a session saved by another model', async () => {
    const [llama, qwen] = [await openModel(tinyFolder('llama')), await openModel(tinyFolder('qwen2'))];
    const session = await llama.createSession({ context: 8 });
    await session.evaluate({ ids: Int32Array.of(1, 2), rows: 'none' });
    const file = join(cacheFolder, 'other.session');
    await session.save(file);
    const other = await qwen.createSession({ context: 8 });
    await expect(other.restore(file)).rejects.toMatchObject({ code: 'bad-request' });
    await llama.close();
    await qwen.close();
  });
});

describe('the bundled model', () => {
  interface GoldenLogits {
    readonly prompts: readonly { ids: number[]; top10: [number, number][][]; logsumexp: number[] }[];
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
    await engine.close();
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
    }
    await engine.close();
  });
});
