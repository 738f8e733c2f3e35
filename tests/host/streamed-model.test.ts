/** Packs in the app: loaded within a budget, changed without a reload, measured, and predicted. */
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../electron/contract/chats.ts';
import type { LoadSettings, LoadState } from '../../electron/contract/machine.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { fileSystemOf, storeDiskCurve } from '../../electron/engine/native/disk-curve.ts';
import { eventually } from '../helpers/eventually.ts';
import { bundledModel } from '../helpers/golden.ts';
import { tinyFolder } from '../helpers/native-engine.ts';
import { packInto } from '../helpers/packs.ts';
import {
  isAlive,
  isForWeights,
  startHost,
  startPageHost,
  temporaryFolder,
  type TestPageHost,
} from '../helpers/test-host.ts';

const mebibyte = 2 ** 20;
const gibibyte = 1024 * mebibyte;
const usual: LoadSettings = { context: 512, kvCodec: null, threads: 2, memoryBudget: null };

let folder: string;
let pack: string;
let mixture: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'retort-packs-'));
  pack = (await packInto(folder, bundledModel)).out;
  cpSync(tinyFolder('qwen3_moe'), join(folder, 'mixture'), { recursive: true });
  writeFileSync(join(folder, 'mixture', 'chat_template.jinja'), '{{ messages[0].content }}');
  mixture = (await packInto(folder, join(folder, 'mixture'), 'mixture.retortpack')).out;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Page = TestPageHost['page'];
type Ready = LoadState & { state: 'ready' };

async function ready(page: Page): Promise<Ready> {
  return eventually(async () => {
    const { engine } = await page.start({});
    if (engine.state !== 'ready') throw new Error(JSON.stringify(engine));
    return engine;
  });
}

/** A page host that has the pack in its library. */
async function startWithPack(free = 64 * gibibyte): Promise<TestPageHost & { id: string }> {
  const host = await startPageHost(temporaryFolder(), { totalBytes: 64 * gibibyte, freeBytes: free });
  const { name } = await host.client.addModel({ path: pack, name: 'packed' });
  return { ...host, id: name };
}

async function say(page: Page, model: string, text: string): Promise<Message> {
  const { id: chatId } = await page.createChat({ sampling: { temperature: 0 }, maxTokens: 12 });
  const { reply } = await page.send({ chatId, parentId: null, text, files: [], model });
  return drain(page.followReply({ replyId: reply.id, from: 0 }));
}

const kept = async (page: Page) => (await page.start({})).settings.memoryBudgets;

test('a pack is loaded within a budget, which changes without a reload and is kept for the next time', async () => {
  const { page, id } = await startWithPack();
  const memoryBudget = 90 * mebibyte;
  await page.loadModel({ id, settings: { ...usual, memoryBudget }, force: false });
  const { streaming, weightsBytes } = (await ready(page)).info;
  expect(streaming).toMatchObject({ memoryBudgetBytes: memoryBudget, isAuto: false, experts: null });
  expect(streaming!.pinnedBytes).toBeLessThan(streaming!.totalBytes);
  expect(await kept(page)).toEqual({ [id]: memoryBudget });
  const more = await page.setMemoryBudget({ memoryBudget: 100 * mebibyte });
  expect(more).toMatchObject({ memoryBudgetBytes: 100 * mebibyte, isAuto: false });
  expect(more.pinnedBytes).toBeGreaterThan(streaming!.pinnedBytes);
  const state = await ready(page);
  expect(state.info.streaming).toEqual(more);
  expect(state.info.weightsBytes - weightsBytes).toBe(
    more.pinnedBytes + more.ringBytes - streaming!.pinnedBytes - streaming!.ringBytes,
  );
  expect(await kept(page)).toEqual({ [id]: 100 * mebibyte });

  const refused = page.setMemoryBudget({ memoryBudget: mebibyte });
  await expect(refused).rejects.toMatchObject({ code: 'bad-request', detail: { field: 'memoryBudget' } });
  expect((await page.readFlash({}))?.streaming).toEqual(more);
  expect(await kept(page)).toEqual({ [id]: 100 * mebibyte });

  const all = await page.setMemoryBudget({ memoryBudget: null });
  expect(all).toMatchObject({ isAuto: true, pinnedBytes: all.totalBytes, ringBytes: 0 });
  expect(await kept(page)).toEqual({ [id]: 'auto' });
});

test('an engine that died is started again with the budget as it was changed', async () => {
  const { page, id, engines } = await startWithPack();
  await page.loadModel({ id, settings: { ...usual, memoryBudget: 90 * mebibyte }, force: false });
  await ready(page);
  await page.setMemoryBudget({ memoryBudget: 100 * mebibyte });
  const before = engines.filter(isAlive).find(isForWeights) ?? expect.unreachable();
  process.kill(before, 'SIGKILL');
  await eventually(() => expect(engines.filter(isAlive).filter(isForWeights)).not.toContain(before));
  await eventually(async () => {
    const { streaming } = (await ready(page)).info;
    expect(engines.filter(isAlive).some(isForWeights)).toBe(true);
    expect(streaming).toMatchObject({ memoryBudgetBytes: 100 * mebibyte, isAuto: false });
  });
});

test('another budget that is given up while a reply grows changes nothing', async () => {
  const { page, id } = await startWithPack();
  const memoryBudget = 90 * mebibyte;
  await page.loadModel({ id, settings: { ...usual, memoryBudget }, force: false });
  await ready(page);
  const { id: chatId } = await page.createChat({ sampling: { temperature: 0 }, maxTokens: 40 });
  const text = 'Tell a long story about the sea.';
  const { reply } = await page.send({ chatId, parentId: null, text, files: [], model: id });
  const leaving = new AbortController();
  let change: Promise<unknown> | null = null;
  await drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
    if (tokens.length === 0 || change) return;
    change = page.setMemoryBudget({ memoryBudget: 100 * mebibyte }, { signal: leaving.signal });
    change.catch(() => undefined);
    leaving.abort();
  });
  await expect(change).rejects.toMatchObject({ code: 'cancelled' });
  expect((await page.readFlash({}))?.streaming.memoryBudgetBytes).toBe(memoryBudget);
  expect((await ready(page)).info.streaming?.memoryBudgetBytes).toBe(memoryBudget);
  expect(await kept(page)).toEqual({ [id]: memoryBudget });
});

test('a reply of a streamed model has the words of the resident one, tells its reads, and is measured', async () => {
  const { page, id, client } = await startWithPack();
  const settings = { ...usual, memoryBudget: 90 * mebibyte };
  await page.loadModel({ id, settings, force: false });
  await ready(page);
  const before = await page.readFlash({});
  expect(before).toMatchObject({ uses: [], resident: [], totals: { cacheMisses: 0 } });
  const answer = await say(page, id, 'What is the capital of France?');
  expect(answer.text).toContain('Paris');

  const after = await page.readFlash({});
  expect(after!.totals.bytesRead).toBeGreaterThan(before!.totals.bytesRead);
  expect(after!.totals.cacheHits).toBeGreaterThan(0);
  expect(after!.totals.cacheMisses).toBeGreaterThan(0);
  expect((await ready(page)).info.streaming).toEqual(after!.streaming);

  const { tokens } = await page.readTimeline({ replyId: answer.id });
  const trace = tokens.at(-1)!.trace;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  expect(trace.layers!.bytesRead).toHaveLength(31);
  expect(sum(trace.layers!.bytesRead)).toBe(trace.bytesRead);
  expect(sum(trace.layers!.cacheHits)).toBe(trace.cacheHits);
  expect(sum(trace.layers!.waitNs)).toBe(trace.timeNs.readWait);

  const fit = await page.estimateFit({ id, settings });
  const measured = fit.measured ?? expect.unreachable();
  const predicted = fit.streaming ?? expect.unreachable();
  expect(measured.readBytesPerToken! / predicted.readBytesPerToken).toBeCloseTo(1, 2);
  expect(measured.hitRate).toBeGreaterThan(0);
  expect(predicted.computeSecondsPerToken).toBeGreaterThan(0);
  // Another budget is another way to load it.
  const other = { ...settings, memoryBudget: 91 * mebibyte };
  expect((await page.estimateFit({ id, settings: other })).measured).toBeNull();
  // The command line sees what the app measured, and its own default context is another.
  const model = { name: id, path: null };
  expect((await client.estimate({ model, settings })).measured).toEqual(measured);

  const { baselineBytes, memoryBudgetBytes } = await firstReading(page);
  expect(memoryBudgetBytes).toBe(90 * mebibyte);
  expect(baselineBytes).toBeGreaterThan(20 * mebibyte);
});

test('a reply is measured with the budget that it began with', async () => {
  const { page, id } = await startWithPack();
  const [before, after] = [90 * mebibyte, 100 * mebibyte];
  await page.loadModel({ id, settings: { ...usual, memoryBudget: before }, force: false });
  await ready(page);
  const { id: chatId } = await page.createChat({ sampling: { temperature: 0 }, maxTokens: 24 });
  const text = 'Count to twenty.';
  const { reply } = await page.send({ chatId, parentId: null, text, files: [], model: id });
  const changes: Promise<unknown>[] = [];
  await drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
    if (tokens.length > 0 && changes.length === 0)
      changes.push(page.setMemoryBudget({ memoryBudget: after }));
  });
  await Promise.all(changes);
  const measured = async (memoryBudget: number) =>
    (await page.estimateFit({ id, settings: { ...usual, memoryBudget } })).measured;
  expect(await measured(before)).not.toBeNull();
  expect(await measured(after)).toBeNull();
});

test('what a run of a pack measured stands beside its estimate', async () => {
  const { client } = startHost();
  const model = { name: 'pack', path: pack };
  await drain(
    client.run({
      ...{ model, prompt: { kind: 'ids', ids: [1, 2, 3] }, sampling: { temperature: 0 }, maxTokens: 12 },
      compute: { engine: null, arithmetic: null, device: 'cpu', threads: 2, memoryBudget: null },
      ...{ stops: [], ignoreEnds: true, trace: false },
    }),
  );
  const { measured } = await client.estimate({ model, settings: { ...usual, context: null } });
  expect(measured).toMatchObject({ usedContext: 14, readBytesPerToken: 0 });
  const budget = { ...usual, memoryBudget: 90 * mebibyte };
  expect((await client.estimate({ model, settings: budget })).measured).toBeNull();
});

test('a pack that is cut short under a growing reply: what was written is kept with the reason, and another loading works', async () => {
  const own = join(temporaryFolder(), 'cut.retortpack');
  cpSync(pack, own);
  const { page, client } = await startPageHost(temporaryFolder(), {
    totalBytes: 64 * gibibyte,
    freeBytes: 64 * gibibyte,
  });
  const { name: id } = await client.addModel({ path: own, name: 'cut' });
  await page.loadModel({ id, settings: { ...usual, memoryBudget: 60 * mebibyte }, force: false });
  await ready(page);
  const { id: chatId } = await page.createChat({ sampling: { temperature: 0 }, maxTokens: 400 });
  const text = 'Tell a long story about the sea.';
  const { reply } = await page.send({ chatId, parentId: null, text, files: [], model: id });
  let said = '';
  const ended = await drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
    if (said === '' && tokens.length > 0) truncateSync(own, 10 * mebibyte);
    said += tokens.map((token) => token.text).join('');
  });
  expect(ended.state).toBe('interrupted');
  expect(ended.reply!.error).toMatchObject({ code: 'bad-file' });
  expect(ended.reply!.error!.message).toContain('cut.retortpack');
  expect(said).not.toBe('');
  expect(ended.text).toBe(said);

  cpSync(pack, own);
  await page.loadModel({ id, settings: { ...usual, memoryBudget: 70 * mebibyte }, force: false });
  await ready(page);
  expect((await say(page, id, 'What is the capital of France?')).text).toContain('Paris');
});

async function firstReading(page: Page) {
  for await (const reading of page.watchMemory({ intervalMs: 200 }).chunks) return reading;
  return expect.unreachable();
}

test('what replies used of a mixture’s experts is kept, and the next prediction begins with it', async () => {
  const { page, client, home } = await startPageHost();
  const { name: id } = await client.addModel({ path: mixture, name: 'mixture' });
  const whole = await page.estimateFit({ id, settings: { ...usual, context: 64 } });
  const memoryBudget = whole.streaming!.minimumMemoryBudgetBytes;
  const settings = { ...usual, context: 64, memoryBudget };
  const before = await page.estimateFit({ id, settings });
  expect(before.streaming).toMatchObject({ hitRateFrom: 'assumed', diskBytesPerSecond: null });
  await storeDiskCurve(join(home, 'cache'), await fileSystemOf(folder), {
    ...{ sizes: [65_536], depths: [1], bytesPerSecond: [1e9] },
    at: 1,
  });
  expect((await page.estimateFit({ id, settings })).streaming?.diskBytesPerSecond).toBe(1e9);
  await page.loadModel({ id, settings, force: false });
  await ready(page);
  await say(page, id, 'Hi');
  const flash = (await page.readFlash({})) ?? expect.unreachable();
  const { layers, count } = flash.streaming.experts!;
  expect([flash.uses.length, flash.resident.length]).toEqual([layers * count, layers * count]);
  expect(flash.uses.some((use) => use > 0)).toBe(true);
  await eventually(async () => {
    const { streaming } = await page.estimateFit({ id, settings });
    expect(streaming).toMatchObject({ hitRateFrom: 'measured' });
  });
});

test('auto is what is free, raised to the least; where that is not free either, loading is refused', async () => {
  const free = 6.4 * gibibyte + 95 * mebibyte;
  const { page, id } = await startWithPack(free);
  const fit = await page.estimateFit({ id, settings: usual });
  expect(fit).toMatchObject({ canStream: true, fits: true });
  expect(fit.streaming!.memoryBudgetBytes).toBe(95 * mebibyte);
  expect(fit.totalBytes).toBeLessThanOrEqual(95 * mebibyte);
  expect(fit.weightsBytes + fit.kvBytes + fit.scratchBytes).toBe(fit.totalBytes);
  expect(fit.streaming!.readBytesPerToken).toBeGreaterThan(0);
  expect(fit.largestContext).toBeGreaterThan(512);
  await page.loadModel({ id, settings: usual, force: false });
  const { streaming } = (await ready(page)).info;
  // The engine that would be replaced gives back what it holds: here none was there.
  expect(streaming).toMatchObject({ isAuto: true, memoryBudgetBytes: 95 * mebibyte });
  expect(await kept(page)).toEqual({});
});

test('auto with less free than the model needs at the least does not fit; forced, it gets the least', async () => {
  const { page, id } = await startWithPack(6.4 * gibibyte + mebibyte);
  const fit = await page.estimateFit({ id, settings: usual });
  expect(fit.fits).toBe(false);
  expect(fit.streaming!.memoryBudgetBytes).toBe(fit.streaming!.minimumMemoryBudgetBytes);
  const refused = page.loadModel({ id, settings: usual, force: false });
  await expect(refused).rejects.toMatchObject({ code: 'out-of-memory' });
  await page.loadModel({ id, settings: usual, force: true });
  const { streaming } = (await ready(page)).info;
  expect(streaming!.memoryBudgetBytes).toBeGreaterThan(mebibyte);
  expect(streaming!.budgetBytes).toBe(streaming!.minimumBytes);
});

test('a budget below the least is refused before anything is loaded, with the least', async () => {
  const { page, id } = await startWithPack();
  const settings = { ...usual, memoryBudget: mebibyte };
  const estimate = page.estimateFit({ id, settings });
  await expect(estimate).rejects.toMatchObject({ code: 'bad-request', detail: { field: 'memoryBudget' } });
  const loading = page.loadModel({ id, settings, force: false });
  await expect(loading).rejects.toMatchObject({ code: 'bad-request' });
  expect((await page.start({})).engine.state).not.toBe('failed');
  expect(await kept(page)).toEqual({});
});

test('where all of it fits, a smaller budget is said not to be worth it', async () => {
  const { page, id } = await startWithPack();
  const { streaming } = await page.estimateFit({ id, settings: { ...usual, memoryBudget: 90 * mebibyte } });
  expect(streaming).toMatchObject({ isWorthIt: false, hitRate: null });
  expect(streaming!.advice).toContain('fits in memory');
  expect((await page.estimateFit({ id, settings: usual })).streaming).toMatchObject({
    isWorthIt: true,
    readBytesPerToken: 0,
  });
});

test('the disk of a model is measured once, in a process of its own, and kept among the caches', async () => {
  const { page, id, client, engines } = await startWithPack();
  const phases: string[] = [];
  const first = await drain(page.measureDisk({ id }), ({ phase }) => void phases.push(phase)).catch(
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'unsupported-feature' });
      return null;
    },
  );
  if (!first) return;
  expect(phases).toContain('measure the disk');
  const started = engines.length;
  expect(await drain(client.measureDisk({ path: folder }))).toEqual(first);
  expect(engines.length).toBe(started + 1);
  const caches = await page.listCaches({});
  expect(caches.filter(({ kind }) => kind === 'disk')).toMatchObject([{ id: 'disk' }]);
  await page.removeCache({ id: 'disk' });
  expect(await page.listCaches({})).toEqual(caches.filter(({ kind }) => kind !== 'disk'));
}, 60_000);

test('measuring a disk can be cancelled, and leaves no file behind', async () => {
  const { client, home } = startHost();
  const cancel = new AbortController();
  const call = client.measureDisk({ path: null }, { signal: cancel.signal });
  const measuring = drain(call, () => cancel.abort());
  await expect(measuring).rejects.toMatchObject({ code: 'cancelled' });
  expect(readdirSync(join(home, 'cache'))).toEqual([]);
});
