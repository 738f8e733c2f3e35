import { expect, test } from 'vitest';
import type { LoadState } from '../../electron/contract/machine.ts';
import { eventually } from '../helpers/eventually.ts';
import { isAlive, isForWeights, startPageHost, type TestPageHost } from '../helpers/test-host.ts';

const model = 'smollm2-135m-instruct';
const usual = { context: null, kvCodec: null, threads: null };
type Page = TestPageHost['page'];

async function engineOf(page: Page): Promise<LoadState> {
  return (await page.start({})).engine;
}

function reached<S extends LoadState['state']>(page: Page, state: S): Promise<LoadState & { state: S }> {
  return eventually(async () => {
    const engine = await engineOf(page);
    expect(engine.state).toBe(state);
    return engine as LoadState & { state: S };
  });
}

function weightsProcess(engines: readonly number[]): number {
  return engines.filter(isAlive).find(isForWeights) ?? expect.unreachable();
}

test('a first page finds the bundled model loading, and soon ready with its precision and context', async () => {
  const { page } = await startPageHost();
  expect((await page.start({})).engine).toEqual({ state: 'none' });
  const ready = await reached(page, 'ready');
  expect(ready).toMatchObject({
    model,
    precision: 'Q4_1, 5.7 bits',
    context: 8192,
    kvCodec: 'f16',
    held: 0,
    isBusy: false,
  });
  expect(ready.kvBytesPerToken).toBeGreaterThan(0);
});

test('a model is loaded with the context and codec that were asked for, and remembered', async () => {
  const { page } = await startPageHost();
  await page.loadModel({ id: model, settings: { context: 1024, kvCodec: 'q8', threads: 1 }, force: false });
  const ready = await reached(page, 'ready');
  expect(ready).toMatchObject({ context: 1024, kvCodec: 'q8', info: { threads: 1 } });
  expect((await page.start({})).settings.lastModel).toBe(model);
});

test('a model whose weights are in memory has nothing in flash and takes no budget but auto', async () => {
  const { page } = await startPageHost();
  expect(await page.readFlash({})).toBeNull();
  await expect(page.setMemoryBudget({ memoryBudget: null })).rejects.toMatchObject({ code: 'bad-request' });
  const budget = { ...usual, memoryBudget: 2 ** 26 };
  const refused = page.loadModel({ id: model, settings: budget, force: false });
  await expect(refused).rejects.toMatchObject({
    code: 'unsupported-feature',
    detail: { field: 'memoryBudget' },
  });
  expect((await page.start({})).settings.memoryBudgets).toEqual({});
  await page.loadModel({ id: model, settings: { ...usual, memoryBudget: 'auto' }, force: false });
  const { info } = await reached(page, 'ready');
  expect(info.streaming).toBeNull();
  expect(await page.readFlash({})).toBeNull();
  const given = page.setMemoryBudget({ memoryBudget: 2 ** 29 });
  await expect(given).rejects.toMatchObject({ code: 'unsupported-feature' });
  expect((await page.start({})).settings.memoryBudgets).toEqual({ [model]: 'auto' });
});

test('unloading while it loads ends the engine process', async () => {
  const { page, engines } = await startPageHost();
  await page.loadModel({ id: model, settings: usual, force: false });
  await page.unloadModel({});
  expect(await engineOf(page)).toEqual({ state: 'none' });
  await eventually(() => expect(engines.filter(isAlive).filter(isForWeights)).toEqual([]));
});

test('an engine that dies is started once more; dying again within ten minutes it stays down and says why', async () => {
  const { page, engines } = await startPageHost();
  await page.loadModel({ id: model, settings: { ...usual, context: 2048 }, force: false });
  await reached(page, 'ready');
  const first = weightsProcess(engines);
  process.kill(first, 'SIGKILL');
  await eventually(async () => {
    expect((await engineOf(page)).state).toBe('ready');
    expect(weightsProcess(engines)).not.toBe(first);
  });
  process.kill(weightsProcess(engines), 'SIGKILL');
  const failed = await reached(page, 'failed');
  expect(failed).toMatchObject({
    model,
    error: { code: 'engine-gone', message: 'The engine process ended by signal SIGKILL.' },
    fix: { kind: 'lower-context', context: 1024 },
  });
});

test('a model that cannot be loaded says why and what to do', async () => {
  const { page, client, home } = await startPageHost();
  expect(home).not.toBe('');
  await expect(client.addModel({ path: '/nowhere.gguf', name: null })).rejects.toMatchObject({
    code: 'not-found',
  });
  const missing = page.loadModel({ id: 'no-such-model', settings: usual, force: false });
  await expect(missing).rejects.toMatchObject({ code: 'not-found' });
});
