import { cpSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent, RunResult } from '../../electron/contract/host-contract.ts';
import type { Client, StreamCall } from '../../electron/contract/rpc.ts';
import type { HostContract } from '../../electron/contract/host-contract.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import {
  maximumDifference,
  readGoldenJson,
  readGoldenTensors,
  type TinyExpectation,
} from '../helpers/golden.ts';
import { eventually } from '../helpers/eventually.ts';
import { copyTinyModel } from '../helpers/model-folder.ts';
import { isAlive, reference, startHost, temporaryFolder, tinyModel } from '../helpers/test-host.ts';

const golden = readGoldenJson<TinyExpectation>('tiny', 'llama', 'expected.json');
const model = tinyModel('llama');

type RunInput = Parameters<Client<HostContract>['run']>[0];
const input: RunInput = {
  model,
  prompt: { kind: 'ids', ids: golden.input_ids },
  compute: reference,
  sampling: { temperature: 0 },
  maxTokens: 24,
  stops: [],
  ignoreEnds: true,
  trace: false,
};

async function collect(call: StreamCall<RunEvent, RunResult>) {
  const events: RunEvent[] = [];
  const result = await drain(call, (event) => void events.push(event));
  const phases = events.flatMap((event) => (event.type === 'progress' ? [event.progress.phase] : []));
  return { events, result, phases };
}

describe('a run', () => {
  test('answers what the golden model answers, streams it and is recorded with all that made it', async () => {
    const { client } = startHost();
    const { result, events } = await collect(client.run(input));
    expect(result.ids).toEqual(golden.greedy);
    expect(result).toMatchObject({ finishReason: 'length', promptTokens: 48, generatedTokens: 24, seed: 0 });
    const batches = events.flatMap((event) => (event.type === 'tokens' ? [event.batch] : []));
    expect(batches.map((batch) => batch.text).join('')).toBe(result.text);
    expect(events.find((event) => event.type === 'opened')).toMatchObject({ promptTokens: 48 });
    const run = await client.readRun({ id: result.runId });
    expect(run).toMatchObject({
      kind: 'generate',
      modelName: 'llama',
      modelPath: model.path,
      engine: 'onnx',
      arithmetic: 'reference',
      device: 'cpu',
      threads: 1,
      seed: 0,
      promptIds: golden.input_ids,
      resultIds: golden.greedy,
      versions: { retort: '0.1.0', node: process.versions.node },
      figures: { promptTokens: 48, generatedTokens: 24 },
    });
    expect(run.modelIdentity).toMatch(/^[0-9a-f]{64}$/);
    expect(run.machine.cores).toBeGreaterThan(0);
    expect(await client.listRuns({ limit: 10 })).toMatchObject([{ id: result.runId, kind: 'generate' }]);
  });

  test('on the native engine answers the same, builds no graph and is recorded with its kernels', async () => {
    const { client } = startHost();
    const compute = { ...reference, engine: 'native' as const };
    const { result, events, phases } = await collect(client.run({ ...input, compute, trace: true }));
    expect(result.ids).toEqual(golden.greedy);
    expect(phases).not.toContain('build graph');
    const traces = events.flatMap((event) => (event.type === 'tokens' ? event.batch.trace : []));
    expect(traces).toHaveLength(24);
    for (const { bytesTouched, timeNs } of traces) {
      expect(bytesTouched).toBeGreaterThan(0);
      expect(timeNs.attention! + timeNs.feedForward! + timeNs.head!).toBeLessThanOrEqual(timeNs.total);
    }
    const run = await client.readRun({ id: result.runId });
    expect(run).toMatchObject({ engine: 'native', versions: { layout: 'f32×8' } });
    expect(run.versions['kernels']).toMatch(/^(scalar|avx2|avx512|neon)$/);
    expect(result.kernels).toBe(run.versions['kernels']);
    expect(await client.listCaches({})).toMatchObject([{ id: 'kernels', kind: 'kernels' }]);
  });

  test('on the native engine needs no cache folder', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'cache'), 'a file in its place');
    const { client } = startHost(home);
    const { result } = await collect(client.run({ ...input, compute: { ...reference, engine: 'native' } }));
    expect(result.ids).toEqual(golden.greedy);
    expect(await client.listCaches({})).toEqual([]);
  });

  test('that was drawn with a seed of its own is repeated to the same ids', async () => {
    const { client } = startHost();
    const sampling = { temperature: 1.5, topK: 0, topP: 1 };
    const { result: first } = await collect(client.run({ ...input, sampling }));
    const { result: again } = await collect(client.repeatRun({ id: first.runId, trace: false }));
    expect(again).toMatchObject({ ids: first.ids, seed: first.seed, sameIds: true });
    expect(again.runId).not.toBe(first.runId);
    const { result: other } = await collect(client.run({ ...input, sampling }));
    expect(other.seed).not.toBe(first.seed);
  });

  test('is not repeated with a model whose contents have changed, nor where it is of another kind', async () => {
    const home = temporaryFolder();
    const path = copyTinyModel('llama');
    const { result } = await collect(startHost(home).client.run({ ...input, model: { name: 'copy', path } }));
    const { client } = startHost(home);
    cpSync(join(tinyModel('qwen2').path, 'config.json'), join(path, 'config.json'));
    cpSync(join(tinyModel('qwen2').path, 'model.safetensors'), join(path, 'model.safetensors'));
    await expect(collect(client.repeatRun({ id: result.runId, trace: false }))).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(collect(client.repeatRun({ id: 'none', trace: false }))).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  test('builds a graph once, as a job, and the next finds it', async () => {
    const home = temporaryFolder();
    const { client } = startHost(home);
    expect((await collect(client.run(input))).phases).toContain('build graph');
    expect(await client.listJobs({})).toMatchObject([{ kind: 'build-graph', title: 'llama', state: 'done' }]);
    expect(await client.listCaches({})).toMatchObject([{ kind: 'graph' }]);
    const { phases } = await collect(startHost(home).client.run(input));
    expect(phases).not.toContain('build graph');
  });

  test('of two hosts that build the same graph at once both succeed, and one graph remains', async () => {
    const home = temporaryFolder();
    const hosts = [startHost(home), startHost(home)];
    const results = await Promise.all(hosts.map(({ client }) => collect(client.run(input))));
    for (const { result } of results) expect(result.ids).toEqual(golden.greedy);
    expect(readdirSync(join(home, 'cache', 'graphs'))).toHaveLength(1);
  });

  test('takes the engine that the last one of the same model left open', async () => {
    const { client, engines } = startHost();
    await collect(client.run(input));
    await collect(client.run(input));
    expect(engines).toHaveLength(1);
    await collect(client.run({ ...input, model: tinyModel('qwen2') }));
    expect(engines).toHaveLength(2);
    await eventually(() => expect(engines.map(isAlive)).toEqual([false, true]));
  });

  test('that is cancelled answers with what it has', async () => {
    const { client } = startHost();
    const controller = new AbortController();
    const endless = { ...input, maxTokens: 400 };
    const call = client.run(endless, { signal: controller.signal });
    const result = await drain(call, (event) => {
      if (event.type === 'tokens') controller.abort();
    });
    expect(result.finishReason).toBe('cancelled');
    expect(result.generatedTokens).toBeGreaterThan(0);
    expect(result.generatedTokens).toBeLessThan(400);
  });

  test('that is cancelled while its model opens leaves no engine and no half graph', async () => {
    const { client, engines, home } = startHost();
    const call = client.run(input, { signal: AbortSignal.timeout(300) });
    await expect(collect(call)).rejects.toMatchObject({ code: 'cancelled' });
    await eventually(() => expect(engines.filter(isAlive)).toEqual([]));
    await client.listCaches({});
    const graphs = join(home, 'cache', 'graphs');
    const left = existsSync(graphs) ? readdirSync(graphs) : [];
    expect(left.filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('whose engine dies is an error, and the next one works', async () => {
    const { client, engines } = startHost();
    const call = client.run({ ...input, maxTokens: 400 });
    const dying = drain(call, (event) => {
      if (event.type === 'tokens') process.kill(engines[0] ?? 0, 'SIGKILL');
    });
    await expect(dying).rejects.toMatchObject({ code: 'engine-gone' });
    expect((await collect(client.run(input))).result.ids).toEqual(golden.greedy);
  });

  test.each([
    ['an id that the model does not have', { prompt: { kind: 'ids', ids: [320] } }, 'bad-request'],
    [
      'the native engine on a GPU',
      { compute: { ...reference, engine: 'native', device: 'webgpu' } },
      'unsupported-feature',
    ],
    [
      'a chat where the model has no template',
      { prompt: { kind: 'chat', messages: [{ role: 'user', content: 'Hi' }] } },
      'template-failed',
    ],
    ['a model that is not there', { model: { name: 'none', path: '/nowhere' } }, 'not-found'],
    [
      'a prompt longer than the model',
      { prompt: { kind: 'ids', ids: Array<number>(5000).fill(1) } },
      'context-full',
    ],
  ] as [string, Partial<RunInput>, string][])('with %s is refused', async (_what, more, code) => {
    const { client, engines } = startHost();
    await expect(collect(client.run({ ...input, ...more }))).rejects.toMatchObject({ code });
    await eventually(() => expect(engines.filter(isAlive).length).toBeLessThanOrEqual(1));
    expect(await client.listRuns({ limit: 1 })).toEqual([]);
  });
});

test('logits and hidden states are written as the golden model has them', async () => {
  const { client } = startHost();
  const out = join(temporaryFolder(), 'out.safetensors');
  const request = { model, compute: reference, ids: golden.input_ids, hidden: true, out };
  const result = await drain(client.logits(request));
  expect(result).toMatchObject({ out, tokens: 48, vocabularySize: 320 });
  const [written, expected] = [
    await readGoldenTensors(out),
    await readGoldenTensors(join(model.path, 'expected.safetensors')),
  ];
  for (const name of ['logits', 'hidden.embed', 'hidden.layer0', 'hidden.layer2', 'hidden.head_input']) {
    expect(written.get(name)?.shape, name).toEqual(expected.get(name)?.shape);
    const difference = maximumDifference(
      written.get(name)?.floats() ?? [],
      expected.get(name)?.floats() ?? [],
    );
    expect(difference, name).toBeLessThan(1e-4);
  }
});

test('logits into a folder that does not exist are refused before a model is opened', async () => {
  const { client, engines } = startHost();
  const request = {
    model,
    compute: reference,
    ids: [1],
    hidden: false,
    out: '/nowhere/at/all/x.safetensors',
  };
  await expect(drain(client.logits(request))).rejects.toMatchObject({ code: 'not-found' });
  expect(engines).toEqual([]);
});

describe('perplexity', () => {
  const text = 'It is a truth universally acknowledged. '.repeat(20);
  const request = {
    model,
    reference: null,
    compute: reference,
    text,
    context: 16,
    tokens: 64,
    secondHalf: false,
  };

  test('is a job that opens the model and its reference in one process', async () => {
    const { client, engines } = startHost();
    const result = await drain(client.perplexity({ ...request, reference: model }));
    expect(result).toMatchObject({ tokens: 60, topOneAgreement: 1 });
    expect(result.kl?.max).toBeLessThan(1e-9);
    expect(engines).toHaveLength(2);
    expect(await client.listJobs({})).toMatchObject([
      { id: result.jobId, kind: 'perplexity', title: 'llama against llama', state: 'done' },
    ]);
    const run = await client.readRun({ id: result.runId });
    expect(run.figures).toMatchObject({ perplexity: result.perplexity, tokens: 60 });
    expect(run.settings).toMatchObject({
      context: 16,
      tokens: 64,
      reference: { identity: run.modelIdentity },
    });
  });

  test('of more tokens than the text has is refused and the job has failed', async () => {
    const { client } = startHost();
    await expect(drain(client.perplexity({ ...request, tokens: 100_000 }))).rejects.toMatchObject({
      code: 'bad-request',
    });
    expect(await client.listJobs({})).toMatchObject([{ state: 'failed', error: { code: 'bad-request' } }]);
  });

  test('is cancelled through its job, and its process ends', async () => {
    const { client, engines } = startHost();
    const long = { ...request, text: text.repeat(400), tokens: null, context: 256 };
    const call = client.perplexity(long);
    let asked = false;
    const running = drain(call, async () => {
      const [job] = await client.listJobs({});
      if (job && !asked) await client.cancelJob({ id: job.id });
      asked = true;
    });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(await client.listJobs({})).toMatchObject([{ state: 'cancelled' }]);
    await eventually(() => expect(isAlive(engines[1] ?? 0)).toBe(false));
  });
});

describe('packing', () => {
  test('is a job of its own process, which verifies too', async () => {
    const { client, engines, home } = startHost();
    const out = join(home, 'llama.retortpack');
    const packed = await drain(client.pack({ model, out, threads: null }));
    expect(packed).toMatchObject({ out, bytes: statSync(out).size, resumedBytes: 0 });
    expect(await client.listJobs({})).toMatchObject([
      { id: packed.jobId, kind: 'pack', title: `llama → ${out}`, state: 'done' },
    ]);
    const named = { name: 'none', path: out };
    const verified = await drain(client.verifyPack({ model: named }));
    expect(verified).toMatchObject({ records: packed.records, path: out });
    expect(await client.inspect({ model: named })).toMatchObject({
      format: 'pack',
      identity: packed.identity,
    });
    await eventually(() => expect(engines.some(isAlive)).toBe(false));
  });

  test('keeps what it has when it is cancelled, and goes on; a second job for the file is refused meanwhile', async () => {
    const { client, engines, home } = startHost();
    const out = join(home, 'model.retortpack');
    const request = { model: { name: 'smollm2-135m-instruct', path: null }, out, threads: 1 };
    const controller = new AbortController();
    const running = drain(client.pack(request, { signal: controller.signal }), async (event) => {
      // Some units are complete then.
      if (controller.signal.aborted || event.type !== 'progress' || event.progress.done < 2 ** 24) return;
      await expect(drain(client.pack(request))).rejects.toMatchObject({
        code: 'bad-request',
        message: expect.stringContaining('is packing model.retortpack now') as string,
      });
      controller.abort();
    });
    await expect(running).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('goes on from there') as string,
    });
    expect(await client.listJobs({})).toMatchObject([{ kind: 'pack', state: 'cancelled' }]);
    expect(readdirSync(home).filter((file) => file.startsWith('.partial-'))).toHaveLength(2);
    const again = await drain(client.pack(request));
    expect(again.bytes).toBe(statSync(out).size);
    expect(readdirSync(home).filter((file) => file.startsWith('.partial-'))).toEqual([]);
    await eventually(() => expect(engines.some(isAlive)).toBe(false));
  });

  test('of two that are begun at the same time one is refused, and is no job', async () => {
    const { client, home } = startHost();
    const request = { model, out: join(home, 'model.retortpack'), threads: 1 };
    const ends = await Promise.allSettled([1, 2, 3].map(() => drain(client.pack(request))));
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as Error).message)).toEqual(
      Array(2).fill(expect.stringMatching(/^Job \S+ is packing model.retortpack now/)),
    );
    expect(await client.listJobs({})).toMatchObject([{ kind: 'pack', state: 'done' }]);
  });

  test('of what is no model, or into no folder, fails with a code, and so does its job', async () => {
    const { client, home } = startHost();
    const at = (out: string, path: string) =>
      drain(client.pack({ model: { name: 'x', path }, out, threads: 1 }));
    await expect(at(join(home, 'none', 'x'), model.path ?? '')).rejects.toMatchObject({ code: 'not-found' });
    await expect(at(join(home, 'x'), home)).rejects.toMatchObject({ code: 'unsupported-format' });
    expect(await client.listJobs({})).toMatchObject([{ state: 'failed' }, { state: 'failed' }]);
  });
});

test('a bench names its rounds, speeds and memory', async () => {
  const { client } = startHost();
  const request = { model, compute: reference, promptTokens: 8, generateTokens: 4, repeat: 2 };
  const result = await drain(client.bench(request));
  expect(result).toMatchObject({ promptTokens: 8, generateTokens: 4, repeat: 2, threads: 1 });
  expect(result.prefill.tokensPerSecond.min).toBeGreaterThan(0);
  expect(result.decode.tokensPerSecond.median).toBeGreaterThan(0);
  expect(result.peakBytes).toBeGreaterThan(50e6);
  const [listed] = await client.listRuns({ kind: 'bench', limit: 1 });
  const [decode, prefill] = [result.decode, result.prefill].map(
    ({ tokensPerSecond }) => tokensPerSecond.median,
  );
  expect(listed?.headlines).toEqual([
    { name: 'decode', value: decode, unit: 'tokens/s' },
    { name: 'prefill', value: prefill, unit: 'tokens/s' },
  ]);
});

describe('the text process', () => {
  // Long without taking memory, whose limit would end it first.
  const bomb = `{% set many = range(100000) %}{% for a in many %}{% if 'none' in many %}{% endif %}{% endfor %}{{ messages[0].content }}`;
  const chat = {
    kind: 'chat' as const,
    messages: [{ role: 'user', content: 'Hi' }],
    addGenerationPrompt: true,
  };

  test('is ended by a template that never ends, and the next call has a new one', async () => {
    const { client, engines } = startHost();
    const path = copyTinyModel('llama', { 'chat_template.jinja': bomb });
    const started = performance.now();
    const hostile = client.tokenize({ model: { name: 'bomb', path }, content: chat });
    await expect(hostile).rejects.toMatchObject({ code: 'time-limit' });
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(engines.map(isAlive)).toEqual([false]);
    const content = { kind: 'text' as const, text: 'Hi', special: false, addBos: false };
    const { pieces } = await client.tokenize({ model: { name: 'bomb', path }, content });
    expect(pieces.join('')).toBe('Hi');
    expect(engines).toHaveLength(2);
  }, 30_000);

  test('is kept for the same model and exchanged for another', async () => {
    const { client, engines } = startHost();
    const content = { kind: 'text' as const, text: 'Hi', special: false, addBos: false };
    await client.tokenize({ model, content });
    await client.tokenize({ model, content });
    expect(engines).toHaveLength(1);
    await client.tokenize({ model: tinyModel('qwen2'), content });
    expect(engines).toHaveLength(2);
    await eventually(() => expect(engines.map(isAlive)).toEqual([false, true]));
  });
});
