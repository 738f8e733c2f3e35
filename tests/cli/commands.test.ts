import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { DiskCurve } from '../../electron/contract/engine-contract.ts';
import type { Fit } from '../../electron/contract/machine.ts';
import { eventually } from '../helpers/eventually.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { childrenOf, cli, startCli, type Finished } from '../helpers/cli.ts';
import { goldenFolder, readGoldenJson, readGoldenTensors, type TinyExpectation } from '../helpers/golden.ts';
import { copyTinyModel } from '../helpers/model-folder.ts';
import { isAlive } from '../helpers/test-host.ts';

const bundled = 'smollm2-135m-instruct';
const llama = join(goldenFolder, 'tiny', 'llama');
const golden = readGoldenJson<TinyExpectation>('tiny', 'llama', 'expected.json');
const ids = golden.input_ids.join(',');

/** One data folder for all tests here, so that the bundled model's graph is built once. */
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'retort-cli-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const retort = (...args: string[]) => cli(args, { home });

/** The one JSON object on stdout. */
function json<T = Record<string, unknown>>({ stdout }: Finished): T {
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as T;
}

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
  return json<{ ids: number[] }>(await retort('tokenize', model, '--text', text, '--json')).ids;
}

describe('run', () => {
  test('answers a question with the bundled model and the text alone goes to stdout', async () => {
    const question = ['--prompt', 'What is the capital of France?', '--greedy', '--arithmetic', 'reference'];
    const { code, stdout, stderr } = await retort('run', bundled, ...question);
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
    const result = await retort('run', llama, ...args, '--json');
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
    const file = join(home, 'messages.json');
    writeFileSync(file, JSON.stringify(messages));
    const shared = ['--greedy', '--max-tokens', '4', '--json'];
    const fromFile = json(await retort('run', bundled, '--chat', file, ...shared));
    const [system, user] = messages;
    const spelled = ['--system', system?.content ?? '', '--prompt', user?.content ?? ''];
    const fromOptions = json(await retort('run', bundled, ...spelled, ...shared));
    expect(fromFile['ids']).toEqual(fromOptions['ids']);
    expect(fromFile['promptTokens']).toBe(fromOptions['promptTokens']);
  });

  test('continues plain text with --raw', async () => {
    const args = ['--prompt', 'The capital of France is', '--raw', '--greedy', '--max-tokens', '1', '--json'];
    const result = json(await retort('run', bundled, ...args, '--arithmetic', 'reference'));
    expect(result).toMatchObject({ promptTokens: 5, text: ' Paris' });
  });

  test('writes a trace with a record of every step', async () => {
    const file = join(home, 'trace.jsonl');
    await retort('run', llama, '--ids', ids, '--greedy', '--max-tokens', '3', '--trace', file);
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
    const first = json(await retort('run', llama, ...args));
    const again = json(await retort('run', '--repeat', String(first['runId']), '--json'));
    expect(again).toMatchObject({ ids: first['ids'], seed: first['seed'], sameIds: true });
  });

  test('fills the gap between two texts, and again by its id', async () => {
    const folder = infillModel();
    const shared = ['--greedy', '--max-tokens', '8', '--ignore-end', '--json'];
    const filled = json(await retort('run', folder, '--prefix', 'the quick', '--suffix', ' dog', ...shared));
    const [prefix, suffix] = await Promise.all(['the quick', ' dog'].map((text) => idsOf(folder, text)));
    const prompt = [317, ...prefix!, 318, ...suffix!, 319];
    const byIds = json(await retort('run', folder, '--ids', prompt.join(','), ...shared));
    expect(filled).toMatchObject({ ids: byIds['ids'], promptTokens: prompt.length });
    const run = json(await retort('runs', 'show', String(filled['runId']), '--json'));
    expect(run['promptIds']).toEqual(prompt);
    const again = json(await retort('run', '--repeat', String(filled['runId']), '--json'));
    expect(again).toMatchObject({ ids: filled['ids'], sameIds: true });
  });

  test('ends before a stop string', async () => {
    const question = ['--prompt', 'What is the capital of France?', '--greedy', '--arithmetic', 'reference'];
    const { stdout } = await retort('run', bundled, ...question, '--stop', ' France');
    expect(stdout).toBe('The capital of\n');
  });
});

describe('Ctrl-C', () => {
  test('during a reply prints what there is, exits with 130 and leaves no process', async () => {
    const args = [
      'run',
      bundled,
      '--prompt',
      'Tell me a long story.',
      '--max-tokens',
      '4000',
      '--ignore-end',
    ];
    const { child, finished, stdout } = startCli(args, { home });
    await eventually(() => expect(stdout()).not.toBe(''));
    const engines = childrenOf(child.pid ?? 0);
    expect(engines).toHaveLength(2);
    // A terminal and a launcher may both deliver one press.
    child.kill('SIGINT');
    child.kill('SIGINT');
    const result = await finished;
    expect(result.code).toBe(130);
    expect(result.stderr).toContain('cancelled');
    expect(engines.filter(isAlive)).toEqual([]);
    const { runs } = json<{ runs: { id: string }[] }>(await retort('runs', 'list', '--limit', '1', '--json'));
    const run = json(await retort('runs', 'show', runs[0]?.id ?? '', '--json'));
    expect(run['figures']).toMatchObject({ finishReason: 'cancelled' });
  }, 40_000);

  test('while a model opens exits with 130 and leaves no process', async () => {
    const fresh = mkdtempSync(join(tmpdir(), 'retort-cli-'));
    onTestFinished(() => rmSync(fresh, { recursive: true, force: true }));
    const args = ['run', bundled, '--prompt', 'Hi', '--json'];
    const { child, finished } = startCli(args, { home: fresh });
    await eventually(() => expect(childrenOf(child.pid ?? 0)).toHaveLength(2));
    const engines = childrenOf(child.pid ?? 0);
    child.kill('SIGINT');
    const result = await finished;
    expect(result.code).toBe(130);
    expect(json(result)).toMatchObject({ error: { code: 'cancelled' } });
    expect(engines.filter(isAlive)).toEqual([]);
  }, 40_000);

  test('kill -9 of the command leaves no engine after 5 seconds', async () => {
    const { child, finished } = startCli(['run', bundled, '--prompt', 'Hi', '--json'], { home });
    await eventually(() => expect(childrenOf(child.pid ?? 0)).toHaveLength(2));
    const engines = childrenOf(child.pid ?? 0);
    child.kill('SIGKILL');
    await finished;
    await vi.waitFor(() => expect(engines.filter(isAlive)).toEqual([]), { timeout: 5000, interval: 100 });
  }, 30_000);
});

test('a reader of stdout that goes away ends the command and its engines', async () => {
  const args = ['run', bundled, '--prompt', 'Tell me a long story.', '--max-tokens', '4000', '--ignore-end'];
  const { child, finished, stdout } = startCli(args, { home });
  await eventually(() => expect(stdout()).not.toBe(''));
  const engines = childrenOf(child.pid ?? 0);
  child.stdout?.destroy();
  expect((await finished).code).toBe(130);
  expect(engines.filter(isAlive)).toEqual([]);
}, 40_000);

test('tokenize gives ids and pieces; names of special tokens are plain text unless asked', async () => {
  const args = ['tokenize', bundled, '--text', '<|im_end|> is'];
  const plain = json<{ ids: number[]; pieces: string[] }>(await retort(...args, '--json'));
  expect(plain.ids.length).toBeGreaterThan(2);
  expect(plain.pieces.join('')).toBe('<|im_end|> is');
  const special = json(await retort(...args, '--special', '--json'));
  expect(special).toMatchObject({ ids: [2, 314], pieces: ['<|im_end|>', ' is'] });
  expect((await retort(...args, '--special')).stdout).toBe('       2  "<|im_end|>"\n     314  " is"\n');
});

test('tokenize of a conversation gives what the golden template gives', async () => {
  const { cases } = readGoldenJson<{
    cases: { messages: unknown; add_generation_prompt: boolean; ids: number[] }[];
  }>('smollm2', 'chat.json');
  const [first] = cases;
  const file = join(home, 'first.json');
  writeFileSync(file, JSON.stringify(first?.messages));
  expect(json(await retort('tokenize', bundled, '--chat', file, '--json'))['ids']).toEqual(first?.ids);
});

test('inspect reads the headers of the bundled model', async () => {
  const summary = json(await retort('inspect', bundled, '--json'));
  expect(summary).toMatchObject({
    format: 'gguf',
    architecture: 'llama',
    supported: true,
    layers: 30,
    vocabularySize: 49_152,
    chatTemplate: true,
  });
  const { stdout } = await retort('inspect', bundled, '--tensors');
  expect(stdout).toMatch(/^layers +30$/m);
  expect(stdout).toMatch(/^token_embd\.weight +Q8_0 +49152 × 576/m);
});

test('inspect reads the values of tensors', async () => {
  const summary = json<{ tensors: { name: string; bytes: number; statistics?: { values: number } }[] }>(
    await retort('inspect', llama, '--tensors', '--statistics', '--json'),
  );
  expect(summary.tensors.length).toBeGreaterThan(20);
  expect(summary.tensors.every(({ bytes, statistics }) => statistics?.values === bytes / 4)).toBe(true);
  const { stdout } = await retort('inspect', llama, '--tensors', '--statistics');
  expect(stdout).toMatch(
    /^tensor +type +shape +bytes +bits a weight +min +max +mean +std +zeros +not a number$/m,
  );
  expect(stdout).toMatch(/^model\.norm\.weight +F32 +\d+ +\S+ B +32\.00 +-?\d/m);
});

test('logits writes the golden logits', async () => {
  const out = join(home, 'logits.safetensors');
  const args = ['--ids', ids, '--out', out, '--arithmetic', 'reference', '--json'];
  const result = json(await retort('logits', llama, ...args));
  expect(result).toMatchObject({ tokens: 48, vocabularySize: 320 });
  expect((await readGoldenTensors(out)).get('logits')?.shape).toEqual([48, 320]);
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
  const first = json<{ runId: string; ids: number[] }>(await retort('run', model, ...args));
  expect(first).toMatchObject(chosen);
  const again = json(await retort('run', '--repeat', first.runId, '--json'));
  expect(again).toMatchObject({ ...chosen, ids: first.ids, sameIds: true });
});

test('perplexity takes a text and a reference', async () => {
  const file = join(goldenFolder, 'smollm2', 'text.txt');
  const shape = ['--file', file, '--context', '16', '--tokens', '64', '--arithmetic', 'reference'];
  const alone = json(await retort('perplexity', llama, ...shape, '--json'));
  expect(alone).toMatchObject({ tokens: 60, perplexity: expect.any(Number) as number });
  expect(alone).not.toHaveProperty('kl');
  const { stdout } = await retort('perplexity', llama, ...shape, '--reference', llama);
  expect(stdout).toContain('same likeliest token: 100.00 %');
});

test('quantize says what it would make, makes both variants, names them in the library, and both run', async () => {
  const folder = join(home, 'variants');
  const asked = ['quantize', llama, '--recipe', 'q4', '--out', folder];
  const estimate = await retort(...asked, '--estimate');
  expect(estimate.stdout).toMatch(
    /^q4-g32: .*\n4\.50 bits.*\n.*llama-q4-g32\.retortpack: at most [\d.]+ KiB\n/,
  );
  expect(existsSync(folder)).toBe(false);
  const made = json(await retort(...asked, '--add', '--json'));
  expect(made).toMatchObject({
    recipe: 'q4-g32',
    bitsPerWeight: 4.5,
    jobId: expect.any(String) as string,
    requantized: [],
    added: ['llama-q4-g32', 'llama-q4-g32-onnx'],
    variants: [
      { format: 'pack', out: join(folder, 'llama-q4-g32.retortpack'), resumedBytes: 0 },
      { format: 'onnx', out: join(folder, 'llama-q4-g32'), resumedBytes: 0 },
    ],
  });
  expect((await retort('inspect', 'llama-q4-g32')).stdout).toMatch(/made of\s+llama, safetensors, by q4-g32/);
  const draw = ['--ids', '1,2,3', '--greedy', '--max-tokens', '8', '--arithmetic', 'reference', '--json'];
  const pack = json(await retort('run', 'llama-q4-g32', ...draw));
  const onnx = json(await retort('run', 'llama-q4-g32-onnx', ...draw));
  expect([pack['engine'], onnx['engine']]).toEqual(['native', 'onnx']);
  expect(onnx['ids']).toEqual(pack['ids']);
  const again = await retort(...asked);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('llama-q4-g32 is there already');
  for (const name of ['llama-q4-g32', 'llama-q4-g32-onnx']) {
    expect((await retort('models', 'remove', name)).code).toBe(0);
  }
}, 120_000);

test('pack writes a pack that is inspected, added, verified, and refused where it is damaged', async () => {
  const out = join(home, 'tiny.retortpack');
  const result = json(await retort('pack', llama, '--out', out, '--json'));
  expect(result).toEqual({
    out,
    identity: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    bytes: readFileSync(out).length,
    records: expect.any(Number) as number,
    resumedBytes: 0,
    jobId: expect.any(String) as string,
  });
  expect(json(await retort('inspect', out, '--json'))).toMatchObject({
    format: 'pack',
    packOf: { name: 'llama', format: 'safetensors' },
    identity: result['identity'],
    layers: 3,
  });
  expect((await retort('inspect', out)).stdout).toMatch(/made of\s+llama, safetensors/);
  expect(json(await retort('models', 'add', out, '--json'))).toMatchObject({ name: 'tiny', format: 'pack' });
  expect(json(await retort('models', 'verify', 'tiny', '--json'))).toEqual({
    path: out,
    records: result['records'],
    bytes: expect.any(Number) as number,
  });
  const { stdout } = await retort('models', 'verify', out);
  expect(stdout).toMatch(/tiny\.retortpack is sound: \d+ records, .* KiB\./);
  const again = await retort('pack', llama, '--out', out);
  expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 2, stdout: '' });
  expect(json(await retort('run', out, '--ids', '1', '--engine', 'onnx', '--json'))).toMatchObject({
    error: { code: 'unsupported-feature' },
  });
  const drawn = (...args: string[]) =>
    retort('run', ...args, '--ids', '1,2,3', '--greedy', '--max-tokens', '8', '--json');
  const resident = json(await drawn(llama));
  for (const budget of [[], ['--memory-budget', '1.5GiB'], ['--memory-budget', '16000000']]) {
    expect(json(await drawn(out, ...budget))['ids']).toEqual(resident['ids']);
  }
  const refused = await drawn(out, '--memory-budget', '2MB');
  expect(refused.code).toBe(2);
  expect(json(refused)).toMatchObject({ error: { detail: { minimumBytes: expect.any(Number) as number } } });
  const bytes = readFileSync(out);
  bytes[4096]! ^= 1;
  writeFileSync(out, bytes);
  const damaged = await retort('models', 'verify', out, '--json');
  expect(damaged.code).toBe(4);
  expect(json(damaged)).toMatchObject({ error: { code: 'bad-file', detail: { offset: 4096 } } });
  expect((await retort('models', 'remove', 'tiny')).code).toBe(0);
}, 60_000);

test('bench measures prefill and decode apart', async () => {
  const args = ['--prompt-tokens', '8', '--generate-tokens', '4', '--repeat', '2', '--threads', '1'];
  const result = json(await retort('bench', llama, ...args, '--json'));
  const speeds = { min: expect.any(Number) as number, median: expect.any(Number) as number, max: expect.any(Number) as number };
  expect(result).toMatchObject({
    prefill: { tokensPerSecond: speeds, perToken: { timeNs: { attention: expect.any(Number) as number } } },
    decode: { tokensPerSecond: speeds, perToken: { bytesTouched: expect.any(Number) as number } },
    peakBytes: expect.any(Number) as number,
    threads: 1,
  });
  const { stdout } = await retort('bench', llama, ...args);
  expect(stdout).toMatch(/per token, ms: attention [\d.]+, feed-forward .* read at .*; KV cache/);
}); // prettier-ignore

test('models are added, used by name, listed and removed', async () => {
  expect((await retort('models', 'add', llama, '--name', 'tiny')).code).toBe(0);
  const { models } = json<{ models: { name: string }[] }>(await retort('models', 'list', '--json'));
  expect(models.map(({ name }) => name)).toEqual([bundled, 'tiny']);
  expect(json(await retort('inspect', 'tiny', '--json'))).toMatchObject({ layers: 3 });
  expect((await retort('models', 'remove', 'tiny')).code).toBe(0);
  expect((await retort('inspect', 'tiny')).code).toBe(3);
});

test('jobs, runs and caches are listed, shown and removed', async () => {
  await retort('run', llama, '--ids', '1,2', '--greedy', '--max-tokens', '2');
  const { jobs } = json<{ jobs: { id: string; state: string }[] }>(await retort('jobs', 'list', '--json'));
  expect(jobs.length).toBeGreaterThan(0);
  const ended = await retort('jobs', 'cancel', jobs[0]?.id ?? '');
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('has ended') as string });
  const { runs } = json<{ runs: { id: string }[] }>(await retort('runs', 'list', '--limit', '1', '--json'));
  expect(json(await retort('runs', 'show', runs[0]?.id ?? '', '--json'))).toMatchObject({
    promptIds: [1, 2],
  });
  const { caches } = json<{ caches: { id: string }[] }>(await retort('caches', 'list', '--json'));
  const id = caches[0]?.id ?? '';
  expect((await retort('caches', 'remove', id)).stdout).toContain('freed');
  expect((await retort('caches', 'remove', id)).code).toBe(3);
});

test('chat answers lines until /exit', async () => {
  const input = 'What is the capital of France?\n/reset\n\n/exit\nnever read\n';
  const args = ['chat', '--greedy', '--arithmetic', 'reference'];
  const { code, stdout } = await cli(args, { home, input });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'The capital of France is Paris.\n' });
}, 60_000);

test('a second line of a chat reads only what is new', async () => {
  const input = 'What is the capital of France?\nAnd of Spain?\n';
  expect((await cli(['chat', '--greedy', '--max-tokens', '8'], { home, input })).code).toBe(0);
  const { runs } = json<{ runs: { id: string }[] }>(await retort('runs', 'list', '--limit', '1', '--json'));
  const { figures, promptIds } = json<{
    figures: { reusedTokens: number; promptTokens: number };
    promptIds: number[];
  }>(await retort('runs', 'show', runs[0]?.id ?? '', '--json'));
  expect(figures.promptTokens).toBe(promptIds.length);
  expect(figures.reusedTokens).toBeGreaterThan(promptIds.length / 2);
}, 60_000);

test('estimate says what a pack takes and reads within a budget, and what the latest reply measured', async () => {
  const out = join(home, 'estimated.retortpack');
  await retort('pack', bundled, '--out', out);
  const settings = ['--memory-budget', '90MiB', '--context', '64', '--threads', '2'];
  const before = json<Fit>(await retort('estimate', out, ...settings, '--json'));
  expect(before).toMatchObject({ canStream: true, fits: true, measured: null });
  expect(before.streaming).toMatchObject({ memoryBudgetBytes: 90 * 2 ** 20, hitRate: null });
  expect(before.streaming!.readBytesPerToken).toBeGreaterThan(2 ** 20);
  expect((await retort('estimate', out, ...settings)).stdout).toMatch(/^budget +90\.0 MiB, at least/m);
  // Together they are the context that was asked for.
  const prompt = ['--ids', '1,2,3,4,5,6,7,8', '--max-tokens', '56', '--ignore-end', '--greedy'];
  await retort('run', out, ...prompt, '--memory-budget', '90MiB', '--threads', '2');
  const after = json<Fit>(await retort('estimate', out, ...settings, '--json'));
  const { readBytesPerToken } = after.measured ?? expect.unreachable();
  expect(readBytesPerToken! / before.streaming!.readBytesPerToken).toBeCloseTo(1, 2);
  expect(after.streaming!.computeSecondsPerToken).toBeGreaterThan(0);
  expect((await retort('estimate', out, ...settings)).stdout).toMatch(/^measured last +[\d.]+ tokens\/s/m);
  const refused = await retort('estimate', out, '--memory-budget', '1MiB', '--json');
  expect(json(refused)).toMatchObject({ error: { code: 'bad-request', detail: { field: 'memoryBudget' } } });
  expect(refused.code).toBe(2);
  const whole = (await retort('estimate', bundled)).stdout;
  expect(whole).toMatch(/^together +.* fits$/m);
  expect(whole).not.toMatch(/^budget/m);
}, 120_000);

test('a disk is measured once and printed as a table', async () => {
  const first = await retort('estimate', '--disk', home, '--json');
  if (json<{ error?: { code: string } }>(first).error?.code === 'unsupported-feature') return;
  const { sizes, depths, bytesPerSecond } = json<DiskCurve>(first);
  expect(bytesPerSecond).toHaveLength(sizes.length * depths.length);
  const { stdout, stderr } = await retort('estimate', '--disk', home);
  expect(stdout).toMatch(/^read +1 in flight +2 in flight/);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1 + sizes.length);
  expect(stderr).toBe('');
  expect((await retort('caches', 'list')).stdout).toMatch(/^disk +disk/m);
}, 60_000);

test('help and version go to stdout', async () => {
  const help = await retort('--help');
  expect(help.stdout).toContain('perplexity');
  expect((await retort()).stdout).toBe(help.stdout);
  expect((await retort('--version')).stdout).toBe('0.1.0\n');
  for (const name of [
    'run',
    'chat',
    'logits',
    'tokenize',
    'inspect',
    'models',
    'pack',
    'quantize',
    'estimate',
    'perplexity',
    'bench',
    'jobs',
  ]) {
    const { code, stdout } = await retort(name, '--help');
    expect({ name, code, starts: stdout.includes(`  retort ${name}`) }).toEqual({
      name,
      code: 0,
      starts: true,
    });
  }
}, 60_000);
