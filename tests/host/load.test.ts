/** What is decided before a model is loaded, and what becomes of it where something else is decided meanwhile. No engine runs. */
import { expect, test } from 'vitest';
import type { LoadSettings } from '../../electron/contract/machine.ts';
import { LabError } from '../../electron/contract/errors.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { beginLoading, loadFirst, loadForReply } from '../../electron/host/loaded/load.ts';
import { loadHandlers } from '../../electron/host/loaded/load-handlers.ts';
import { LoadedModel } from '../../electron/host/loaded/loaded-model.ts';
import { Notices } from '../../electron/host/notices/notices.ts';
import type { Services } from '../../electron/host/services.ts';
import { eventually } from '../helpers/eventually.ts';

const gibibyte = 1024 ** 3;
const usual: LoadSettings = { context: null, kvCodec: null, threads: null, memoryBudget: null };
const chosen = { signal: new AbortController().signal, force: false };
const soon =
  <T>(value: T) =>
  () =>
    Promise.resolve(value);
const never = new Promise<never>(() => undefined);

interface Facts {
  readonly weightsBytes: number;
  /** Of a pack, which can be streamed. */
  readonly leastBytes?: number;
  readonly held?: Promise<unknown>;
}

type Asked = { readonly path: string; readonly memoryBudget?: number | null };

function estimateOf({ weightsBytes, leastBytes }: Facts, budget: number | null) {
  const minimumMemoryBudgetBytes = leastBytes ?? 0;
  if (budget !== null && budget < minimumMemoryBudgetBytes) {
    const detail = { field: 'memoryBudget', minimumBytes: minimumMemoryBudgetBytes };
    throw new LabError('bad-request', 'The budget is too small.', detail);
  }
  const pinnedBytes = budget === null ? 0 : Math.min(budget, weightsBytes) - minimumMemoryBudgetBytes;
  const spent = { pinnedBytes, ringBytes: minimumMemoryBudgetBytes, lookupBytes: 0, slots: 0, slotBytes: 0 };
  const least = { minimumMemoryBudgetBytes, minimumBytes: minimumMemoryBudgetBytes };
  return {
    ...{ identity: 'i', weightsBytes, kvBytes: 0, scratchBytes: 0, bytesTouchedPerToken: 1 },
    ...{ context: 8192, modelContext: 8192, kvCodec: 'f16', kvBytesPerToken: 0 },
    canStream: leastBytes !== undefined,
    streaming: budget === null ? null : { memoryBudgetBytes: budget, ...least, ...spent, tokensPerSecond: 1 },
  };
}

/** A host that knows models by their facts; 4 GiB are free. Which engines were started is told by their models' titles. */
function startWith(models: Record<string, Facts>, memoryBudgets: Record<string, number> = {}) {
  const events = new AppEvents();
  const started: string[] = [];
  const open = ({ path }: Asked) => {
    started.push(path);
    return { chunks: (async function* () {})(), done: never };
  };
  const process = {
    ...{ pid: 0, ended: never, kill: () => undefined, close: () => never },
    client: { open, memory: () => never },
  };
  const settings = { defaultContext: null, kvCodec: null, threads: null, lastModel: 'first', memoryBudgets };
  const list = { held: Promise.resolve() as Promise<unknown> };
  const shared = {
    events,
    notices: new Notices(events),
    engines: { start: () => process },
    caches: { folder: '' },
    memory: {
      freeForModels: () =>
        Promise.resolve({ freeBytes: 4 * gibibyte, reserveBytes: gibibyte, memoryBytes: 8 * gibibyte }),
    },
    measurements: { memoryRate: soon(null), uses: soon([]), latest: soon(null) },
    settings: { read: soon(settings), change: soon(settings) },
    models: {
      pathOf: (id: string) => Promise.resolve({ path: id, title: id }),
      list: async () => {
        await list.held;
        return Object.keys(models).map((id) => ({ id, isPresent: true, kind: 'added' }));
      },
    },
    text: {
      inspect: () => never,
      async estimate({ path, memoryBudget = null }: Asked) {
        await models[path]?.held;
        return estimateOf(models[path] ?? expect.unreachable(), memoryBudget);
      },
    },
  } as unknown as Services;
  const services = { ...shared, loaded: new LoadedModel(shared) };
  return {
    services,
    started,
    list,
    unload: () => loadHandlers(services).unloadModel({}, { signal: chosen.signal }),
  };
}

/** What is looked at only once `release` is called. */
function hold() {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  return { held, release };
}

const small = { weightsBytes: gibibyte };
const large = { weightsBytes: 9 * gibibyte };

test('a reply whose model does not fit leaves the first model, which is looked at meanwhile, as it is', async () => {
  const first = hold();
  const { services, started } = startWith({ first: { ...small, held: first.held }, other: large });
  const loading = loadFirst(services);
  await eventually(() => expect(services.loaded.state).toMatchObject({ state: 'loading', model: 'first' }));
  await expect(loadForReply(services, 'other', chosen.signal)).rejects.toMatchObject({
    code: 'out-of-memory',
  });
  expect(services.loaded.state).toMatchObject({ state: 'loading', model: 'first' });
  first.release();
  loading.catch(() => undefined);
  await eventually(() => expect(started).toEqual(['first']));
});

test('the model of a reply that is unloaded before it begins to load is not loaded', async () => {
  const looking = hold();
  const { services, started, unload } = startWith({ first: { ...small, held: looking.held } });
  const replying = loadForReply(services, 'first', chosen.signal);
  await unload();
  looking.release();
  await expect(replying).rejects.toMatchObject({ code: 'cancelled' });
  expect([services.loaded.state, started]).toEqual([{ state: 'none' }, []]);
});

test('unloading while the first model is looked for leaves none', async () => {
  const { services, started, list, unload } = startWith({ first: small });
  const looking = hold();
  list.held = looking.held;
  const loading = loadFirst(services);
  await unload();
  looking.release();
  await loading;
  expect([services.loaded.state, started]).toEqual([{ state: 'none' }, []]);
});

test('of two models that are chosen the later is loaded, however long the first is looked at', async () => {
  const slow = hold();
  const { services, started } = startWith({ first: { ...small, held: slow.held }, other: small });
  const first = beginLoading(services, 'first', usual, chosen);
  await beginLoading(services, 'other', usual, chosen);
  slow.release();
  await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  expect(services.loaded.state).toMatchObject({ state: 'loading', model: 'other' });
  await eventually(() => expect(started).toEqual(['other']));
});

test('a kept budget that the model cannot keep to any more: the state of a reply says so, and auto mends it', async () => {
  const { services } = startWith({ first: { ...large, leastBytes: 2 * gibibyte } }, { first: gibibyte });
  const refused = { code: 'bad-request', detail: { field: 'memoryBudget' } };
  await expect(loadForReply(services, 'first', chosen.signal)).rejects.toMatchObject(refused);
  expect(services.loaded.state).toMatchObject({
    ...{ state: 'failed', model: 'first', error: { message: 'The budget is too small.' } },
    fix: { kind: 'auto-budget', context: null },
  });
});

test('a kept budget that is above what is free now is named as the reason, and auto mends it', async () => {
  const { services, started } = startWith(
    { first: { ...large, leastBytes: gibibyte } },
    { first: 6 * gibibyte },
  );
  await loadFirst(services);
  expect(services.loaded.state).toMatchObject({
    state: 'failed',
    error: {
      code: 'out-of-memory',
      message:
        'first would take 6.00 GiB, as its memory budget of 6.00 GiB allows, and 4.00 GiB is free for it. ' +
        'With an automatic budget it would fit. Nothing was loaded.',
    },
    fix: { kind: 'auto-budget', context: null },
  });
  await beginLoading(services, 'first', { ...usual, memoryBudget: 'auto' }, chosen);
  await eventually(() => expect(started).toEqual(['first']));
});
