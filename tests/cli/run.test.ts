/** `retort run` as a person types it: prompts, conversations, gaps, traces, runs that are repeated. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundled, golden, ids, json, llama, useCliHome } from '../helpers/cli-home.ts';
import { goldenFolder, readGoldenJson } from '../helpers/golden.ts';
import { copyTinyModel } from '../helpers/model-folder.ts';

const home = useCliHome();

interface Vocabulary {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly [string, string][] };
  readonly added_tokens: readonly object[];
}

/** The tiny model with three tokens that mark fill-in prompts in place of its last three. */
function infillModel(): string {
  const tokenizer = readGoldenJson<Vocabulary>('tiny', 'llama', 'tokenizer.json');
  const { vocab, merges } = tokenizer.model;
  const kept = Object.fromEntries(Object.entries(vocab).filter(([, id]) => id < 317));
  const remaining = merges.filter((pair) => [...pair, pair.join('')].every((text) => text in kept));
  const marks = ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'];
  const added = marks.map((content, index) => ({ id: 317 + index, content, special: true }));
  return copyTinyModel('llama', {
    'tokenizer.json': {
      ...tokenizer,
      added_tokens: [...tokenizer.added_tokens, ...added],
      model: { ...tokenizer.model, vocab: kept, merges: remaining },
    },
  });
}

async function idsOf(model: string, text: string): Promise<number[]> {
  return json<{ ids: number[] }>(await home.retort('tokenize', model, '--text', text, '--json')).ids;
}

describe('run', () => {
  test('answers a question with the bundled model and the text alone goes to stdout', async () => {
    const question = ['--prompt', 'What is the capital of France?', '--greedy', '--arithmetic', 'reference'];
    const { code, stdout, stderr } = await home.retort('run', bundled, ...question);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'The capital of France is Paris.\n' });
    expect(stderr).toContain('run ');
  });

  test('prints one JSON object with what the contract of the command names', async () => {
    const args = [
      '--ids',
      ids,
      '--greedy',
      '--max-tokens',
      '24',
      '--arithmetic',
      'reference',
      '--ignore-end',
    ];
    const result = await home.retort('run', llama, ...args, '--json');
    expect(result.code).toBe(0);
    expect(json(result)).toMatchObject({
      ids: golden.greedy,
      text: expect.any(String) as string,
      finishReason: 'length',
      promptTokens: 48,
      generatedTokens: 24,
      timing: {
        loadMs: expect.any(Number) as number,
        firstTokenMs: expect.any(Number) as number,
        prefillTokensPerSecond: expect.any(Number) as number,
        decodeTokensPerSecond: expect.any(Number) as number,
      },
      memory: {
        residentBytes: expect.any(Number) as number,
        weightsBytes: expect.any(Number) as number,
        kvBytes: expect.any(Number) as number,
        peakBytes: expect.any(Number) as number,
      },
      engine: 'native',
      arithmetic: 'reference',
      kernels: expect.any(String) as string,
    });
  });

  test('takes a conversation from a file and a system message', async () => {
    const messages = [
      { role: 'system', content: 'Answer in one word.' },
      { role: 'user', content: 'Capital of France?' },
    ];
    const file = join(home.path, 'messages.json');
    writeFileSync(file, JSON.stringify(messages));
    const shared = ['--greedy', '--max-tokens', '4', '--json'];
    const fromFile = json(await home.retort('run', bundled, '--chat', file, ...shared));
    const [system, user] = messages;
    const spelled = ['--system', system?.content ?? '', '--prompt', user?.content ?? ''];
    const fromOptions = json(await home.retort('run', bundled, ...spelled, ...shared));
    expect(fromFile['ids']).toEqual(fromOptions['ids']);
    expect(fromFile['promptTokens']).toBe(fromOptions['promptTokens']);
  });

  test('continues plain text with --raw', async () => {
    const args = ['--prompt', 'The capital of France is', '--raw', '--greedy', '--max-tokens', '1', '--json'];
    const result = json(await home.retort('run', bundled, ...args, '--arithmetic', 'reference'));
    expect(result).toMatchObject({ promptTokens: 5, text: ' Paris' });
  });

  test('writes a trace with a record of every step', async () => {
    const file = join(home.path, 'trace.jsonl');
    await home.retort('run', llama, '--ids', ids, '--greedy', '--max-tokens', '3', '--trace', file);
    const records = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.map(({ step, phase, tokens }) => [step, phase, tokens])).toEqual([
      [0, 'prefill', 48],
      [1, 'decode', 1],
      [2, 'decode', 1],
    ]);
    expect(records.every((record) => typeof record['id'] === 'number')).toBe(true);
  });

  test('repeats a run by its id to the same ids', async () => {
    const args = ['--ids', ids, '--temperature', '1.5', '--top-k', '0', '--max-tokens', '16', '--json'];
    const first = json(await home.retort('run', llama, ...args));
    const again = json(await home.retort('run', '--repeat', String(first['runId']), '--json'));
    expect(again).toMatchObject({ ids: first['ids'], seed: first['seed'], sameIds: true });
  });

  test('fills the gap between two texts, and again by its id', async () => {
    const folder = infillModel();
    const shared = ['--greedy', '--max-tokens', '8', '--ignore-end', '--json'];
    const filled = json(
      await home.retort('run', folder, '--prefix', 'the quick', '--suffix', ' dog', ...shared),
    );
    const [prefix, suffix] = await Promise.all(['the quick', ' dog'].map((text) => idsOf(folder, text)));
    const prompt = [317, ...prefix!, 318, ...suffix!, 319];
    const byIds = json(await home.retort('run', folder, '--ids', prompt.join(','), ...shared));
    expect(filled).toMatchObject({ ids: byIds['ids'], promptTokens: prompt.length });
    const run = json(await home.retort('runs', 'show', String(filled['runId']), '--json'));
    expect(run['promptIds']).toEqual(prompt);
    const again = json(await home.retort('run', '--repeat', String(filled['runId']), '--json'));
    expect(again).toMatchObject({ ids: filled['ids'], sameIds: true });
  });

  test('ends before a stop string', async () => {
    const question = ['--prompt', 'What is the capital of France?', '--greedy', '--arithmetic', 'reference'];
    const { stdout } = await home.retort('run', bundled, ...question, '--stop', ' France');
    expect(stdout).toBe('The capital of\n');
  });
});

test.each([
  ['a model file', llama, [], { engine: 'native', arithmetic: 'fast' }],
  [
    'a model file on the onnx engine',
    llama,
    ['--engine', 'onnx'],
    { engine: 'onnx', arithmetic: 'reference' },
  ],
  ['an exported graph', join(goldenFolder, 'exports', 'llama-plain'), [], { engine: 'onnx' }],
] as const)('the engine and the arithmetic nobody asked for: %s', async (_, model, options, chosen) => {
  const args = ['--ids', '5,6,7', '--greedy', '--max-tokens', '2', '--json', ...options];
  const first = json<{ runId: string; ids: number[] }>(await home.retort('run', model, ...args));
  expect(first).toMatchObject(chosen);
  const again = json(await home.retort('run', '--repeat', first.runId, '--json'));
  expect(again).toMatchObject({ ...chosen, ids: first.ids, sameIds: true });
});
