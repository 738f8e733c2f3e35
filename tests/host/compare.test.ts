import { describe, expect, test } from 'vitest';
import { CompareResult, type CompareEvent } from '../../electron/contract/compare.ts';
import type { CompareCommand } from '../../electron/contract/host-contract.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { killedAt } from '../helpers/comparisons.ts';
import { eventually } from '../helpers/eventually.ts';
import { startHost, startPageHost, temporaryFolder, tinyModel } from '../helpers/test-host.ts';

const compute = { engine: null, arithmetic: null, device: 'cpu', threads: 2, memoryBudget: null } as const;
const bundled = 'smollm2-135m-instruct';
const sentence = 'The ship lay at anchor in the harbour, and her crew went ashore one after the other. ';
const variant = (name: string, more: Partial<CompareCommand['variants'][number]> = {}) => ({
  model: name === bundled ? { name, path: null } : tinyModel(name),
  label: null,
  compute,
  kvCodec: null,
  ...more,
});
const request = (changes: Partial<CompareCommand> = {}): CompareCommand => ({
  variants: [
    variant(bundled),
    variant(bundled, { kvCodec: 'q8' }),
    variant(bundled, { label: 'narrow', kvCodec: 'q8' }),
  ],
  prompt: { kind: 'chat', messages: [{ role: 'user', content: 'What is the capital of France?' }] },
  maxTokens: 6,
  quality: { text: sentence.repeat(12), context: 64, tokens: null },
  weightErrors: false,
  ...changes,
});

test('models are measured in turn and then compared token by token; what came out is a run', async () => {
  const { client, engines } = startHost();
  const events: CompareEvent[] = [];
  const done = await drain(
    client.compare(request({ weightErrors: true })),
    (event) => void events.push(event),
  );
  const { columns, forced, quality, weights, mode } = done.result;
  expect(columns.map(({ label }) => label)).toEqual([bundled, `${bundled}, q8 cache`, 'narrow']);
  expect(columns.map(({ kvCodec }) => kvCodec)).toEqual(['f16', 'q8', 'q8']);
  expect(mode).toBe('together');
  for (const { speed, bitsPerWeight, reply, precision } of columns) {
    expect(speed.decodeTokensPerSecond).toBeGreaterThan(0);
    expect(speed.peakBytes).toBeGreaterThan(90 * 2 ** 20);
    expect(bitsPerWeight).toBeGreaterThan(4);
    expect(precision).toMatch(/^Q4_1/);
    expect(reply.tokens).toHaveLength(6);
    expect(reply.text).not.toBe('');
  }
  expect(forced.reference.map(({ id }) => id)).toEqual(columns[0]!.reply.tokens.map(({ id }) => id));
  expect(forced.variants.map(({ tokens }) => tokens.length)).toEqual([6, 6]);
  expect(forced.variants[0]!.meanKl).toBeGreaterThan(0);
  expect(forced.variants[0]).toEqual(forced.variants[1]);
  expect(quality?.columns[0]?.perplexity.value).toBeGreaterThan(1);
  expect(quality?.columns[1]?.kl?.mean.value).toBeGreaterThan(0);
  expect(weights?.errors.map((errors) => Math.max(...errors.map((error) => error ?? NaN)))).toEqual([0, 0]);
  expect(events.filter(({ type }) => type === 'column')).toHaveLength(3);
  const run = await client.readRun({ id: done.runId });
  expect(run).toMatchObject({ kind: 'compare', modelName: bundled, seed: null, engine: 'native' });
  expect(CompareResult.parse(run.figures)).toEqual(done.result);
  const [summary] = await client.listRuns({ kind: 'compare', limit: 10 });
  expect(summary).toMatchObject({ title: `${bundled} · ${bundled}, q8 cache · narrow` });
  expect(summary?.headlines[1]).toMatchObject({ name: 'largest mean KL', unit: 'nats' });
  expect(await client.listRuns({ kind: 'bench', limit: 10 })).toEqual([]);
  expect(await client.listJobs({})).toMatchObject([
    { kind: 'compare', state: 'done', runId: done.runId, canResume: false },
  ]);
  expect(engines.length).toBeGreaterThan(4);
}, 120_000);

describe('a comparison is refused before any model is opened', () => {
  test.each([
    ['a text that is too short', request({ quality: { text: 'A few words.', context: 512, tokens: null } }), 'bad-request', /one window of 512/],
    ['a text with fewer tokens than were asked for', request({ quality: { text: sentence, context: 4, tokens: 5000 } }), 'bad-request', /5000 were asked for/],
    ['models with different vocabularies', request({ variants: [variant(bundled), variant('llama', { label: 'other' })] }), 'bad-request', /smollm2-135m-instruct and other have different vocabularies/],
    ['a model that is not there', request({ variants: [variant(bundled), { ...variant(bundled), model: { name: 'gone', path: '/nowhere/gone.gguf' } }] }), 'not-found', /gone/],
    ['a window that fits no model', request({ quality: { text: sentence.repeat(2000), context: 10_000, tokens: null } }), 'context-full', /8192/],
  ] as const)('%s', async (_what, input, code, message) => {
    const { client } = startHost();
    await expect(drain(client.compare(input), () => undefined)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(await client.listJobs({})).toEqual([]);
    expect(await client.listRuns({ limit: 10 })).toEqual([]);
  }, 60_000); // prettier-ignore

  test('models that do not fit beside what is loaded, with the numbers', async () => {
    const system = { totalBytes: 2 ** 30, freeBytes: 2 ** 28 + 2 ** 27 };
    const { page } = await startPageHost(temporaryFolder(), system);
    const input = {
      ...request(),
      variants: [
        { model: bundled, label: null, compute, kvCodec: null },
        { model: bundled, label: null, compute, kvCodec: 'q8' as const },
      ],
    };
    const price = await page.priceComparison(input);
    expect(price.mode).toBeNull();
    expect(price.problem).toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/GiB at once/) as string,
    });
    await expect(page.startComparison(input)).rejects.toMatchObject({ code: 'out-of-memory' });
  }, 60_000);
});

test('where all do not fit at once the reference is read with one variant after the other, to the same result', async () => {
  const home = temporaryFolder();
  const small = request({
    variants: request().variants,
    maxTokens: 3,
    quality: { text: sentence.repeat(8), context: 64, tokens: null },
  });
  const together = await drain(startHost(home).client.compare(small), () => undefined);
  // Two fit, three do not.
  const peak = 430 * 2 ** 20;
  const { client } = await startPageHost(home, { totalBytes: 4 * 2 ** 30, freeBytes: 2 ** 30 + peak });
  const pairs = await drain(client.compare(small), () => undefined);
  expect([together.result.mode, pairs.result.mode]).toEqual(['together', 'pairs']);
  expect(pairs.result.forced).toEqual(together.result.forced);
  expect(pairs.result.quality).toEqual(together.result.quality);
}, 120_000);

describe('a comparison whose host was killed', () => {
  const long = request({ maxTokens: 2, quality: { text: sentence.repeat(100), context: 64, tokens: null } });

  const killed = (home: string) => killedAt(home, long, 'window 4');

  test('goes on where it was, on demand, to the result of one that was not', async () => {
    const home = temporaryFolder();
    await killed(home);
    const { client, engines } = startHost(home);
    const [job] = await client.listJobs({});
    expect(job).toMatchObject({ kind: 'compare', state: 'interrupted', canResume: true });
    expect(await client.listRuns({ limit: 5 })).toEqual([]);
    const events: CompareEvent[] = [];
    const resumed = await drain(client.resumeJob({ id: job!.id }), (event) => void events.push(event));
    // Columns were kept: none is measured again.
    expect(events.some(({ type }) => type === 'column' || type === 'forced')).toBe(false);
    const first = events.find((event) => event.type === 'progress' && event.progress.phase === 'text');
    expect(first?.type === 'progress' && first.progress.done).toBeGreaterThan(64);
    expect(engines.length).toBeGreaterThan(0);
    const whole = await drain(client.compare(long), () => undefined);
    expect(resumed.result.quality).toEqual(whole.result.quality);
    expect(resumed.result.forced).toEqual(whole.result.forced);
    await expect(drain(client.resumeJob({ id: job!.id }), () => undefined)).rejects.toMatchObject({
      code: 'bad-request',
    });
  }, 180_000);

  test('is given up by cancelling it: what it kept is deleted', async () => {
    const home = temporaryFolder();
    await killed(home);
    const { client } = startHost(home);
    const [job] = await client.listJobs({});
    expect(await client.cancelJob({ id: job!.id })).toMatchObject({ state: 'cancelled', canResume: false });
    await expect(drain(client.resumeJob({ id: job!.id }), () => undefined)).rejects.toMatchObject({
      code: 'bad-request',
    });
    await expect(client.cancelJob({ id: job!.id })).rejects.toMatchObject({ code: 'bad-request' });
  }, 90_000);
});

test('the app goes on with its own comparisons when it starts again', async () => {
  const home = temporaryFolder();
  const input = {
    ...request({ maxTokens: 2, quality: { text: sentence.repeat(60), context: 64, tokens: null } }),
    variants: [
      { model: bundled, label: 'A', compute, kvCodec: null },
      { model: bundled, label: 'B', compute, kvCodec: 'q8' as const },
    ],
  };
  const first = await startPageHost(home);
  const begun = await first.page.startComparison(input);
  expect(begun).toMatchObject({ kind: 'compare', title: 'A · B', state: 'queued' });
  for await (const update of first.page.watchJob({ id: begun.id }).chunks)
    if (update.type === 'column') break;
  await first.close();
  const { page } = await startPageHost(home);
  const updates: string[] = [];
  const job = await drain(page.watchJob({ id: begun.id }), (update) => void updates.push(update.type));
  expect(job).toMatchObject({ id: begun.id, state: 'done' });
  expect(updates).toEqual(expect.arrayContaining(['job', 'comparison', 'column']));
  const run = await page.readRun({ id: job.runId! });
  expect(run).toMatchObject({ kind: 'compare', title: 'A · B', canRepeat: true });
  expect(JSON.stringify(run)).not.toContain('.gguf');
  expect(CompareResult.parse(run.figures).columns.map(({ model }) => model)).toEqual([bundled, bundled]);

  const again = await page.repeatRun({ id: run.id });
  expect((await page.cancelJob({ id: again.id })).id).toBe(again.id);
  await eventually(async () =>
    expect((await page.listJobs({})).find(({ id }) => id === again.id)?.state).toBe('cancelled'),
  );

  for (const format of ['json', 'csv', 'html'] as const) {
    const { fileName, text } = await page.exportRun({ id: run.id, format });
    expect(fileName).toMatch(new RegExp(`^retort-compare-.*\\.${format}$`));
    expect(text).toContain('q8');
    expect(text).not.toContain('.gguf');
  }
  const tensor = 'layers.0.up.weight';
  const histogram = await page.readHistogram({ referenceId: bundled, variantId: bundled, tensor });
  expect(histogram.error).toBe(0);
  await page.removeRun({ id: run.id });
  await expect(page.readRun({ id: run.id })).rejects.toMatchObject({ code: 'not-found' });
  expect(await page.listRuns({ kind: null, limit: 5 })).toEqual([]);
}, 180_000);
