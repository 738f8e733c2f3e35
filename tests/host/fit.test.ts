import { expect, test } from 'vitest';
import type { Message } from '../../electron/contract/chats.ts';
import type { LoadSettings } from '../../electron/contract/machine.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { eventually } from '../helpers/eventually.ts';
import { startPageHost, temporaryFolder, type TestPageHost } from '../helpers/test-host.ts';

const model = 'smollm2-135m-instruct';
type Page = TestPageHost['page'];

async function load(page: Page, settings: LoadSettings): Promise<void> {
  await page.loadModel({ id: model, settings, force: false });
  await eventually(async () => expect((await page.start({})).engine.state).toBe('ready'));
}

async function say(page: Page, text: string): Promise<Message> {
  const { id: chatId } = await page.createChat({ sampling: { temperature: 0 } });
  const { reply } = await page.send({ chatId, parentId: null, text, files: [], model });
  return drain(page.followReply({ replyId: reply.id, from: 0 }));
}

test('what a reply that filled the context measured stands beside what was predicted, within 10 %', async () => {
  const { page } = await startPageHost();
  const settings = { context: 1024, kvCodec: null, threads: null, memoryBudget: null };
  await load(page, settings);
  expect((await page.estimateFit({ id: model, settings })).measured).toBeNull();
  // Room for the template, and then the reply takes what is left.
  const ended = await say(
    page,
    `Write a long story. ${'The sea was blue and the ship went on. '.repeat(93)}`,
  );
  expect(ended.state).toBe('complete');
  const fit = await page.estimateFit({ id: model, settings });
  const measured = fit.measured ?? expect.unreachable();
  console.log(`predicted ${fit.totalBytes}, measured ${measured.totalBytes}, used ${measured.usedContext}`);
  expect(measured.context).toBe(1024);
  expect(measured.usedContext).toBeGreaterThan(990);
  expect(Math.abs(measured.totalBytes / fit.totalBytes - 1)).toBeLessThan(0.1);
  expect(fit.totalBytes).toBe(fit.weightsBytes + fit.kvBytes + fit.scratchBytes);
}, 240_000);

test('speed is predicted from the latest reply, and not before there was one', async () => {
  const { page } = await startPageHost();
  const settings = { context: 2048, kvCodec: null, threads: null, memoryBudget: null };
  const before = await page.estimateFit({ id: model, settings });
  expect(before.predictedTokensPerSecond).toBeNull();
  await load(page, settings);
  await say(page, 'What is the capital of France?');
  const { predictedTokensPerSecond, measured } = await page.estimateFit({ id: model, settings });
  expect(predictedTokensPerSecond).toBeGreaterThan(0);
  // At a full context more is read for each token than in a short chat.
  expect(predictedTokensPerSecond).toBeLessThan(1.2 * (measured?.tokensPerSecond ?? 0));
});

const usual: LoadSettings = { context: null, kvCodec: null, threads: null, memoryBudget: null };
/** A tenth of it, or 1 GiB, is kept free. */
const small = { totalBytes: 4 * 1024 ** 3, freeBytes: 1024 ** 3 + 220 * 1024 ** 2 };

test('what does not fit is refused with the count and the way, unless it is forced', async () => {
  const { page } = await startPageHost(temporaryFolder(), small);
  const settings = { context: 8192, kvCodec: null, threads: null, memoryBudget: null };
  const fit = await page.estimateFit({ id: model, settings });
  expect(fit.fits).toBe(false);
  expect(fit.largestContext).toBeGreaterThan(500);
  expect(fit.largestContext).toBeLessThan(8192);
  const refused = page.loadModel({ id: model, settings, force: false });
  const way = `With a context of ${fit.largestContext.toLocaleString('en-GB')} tokens it would fit.`;
  await expect(refused).rejects.toMatchObject({ code: 'out-of-memory' });
  await expect(refused).rejects.toThrow(way);
  await page.loadModel({ id: model, settings: { ...settings, context: fit.largestContext }, force: false });
  await page.loadModel({ id: model, settings, force: true });
  await eventually(async () => expect((await page.start({})).engine.state).toBe('ready'));
});

test('what does not fit is not loaded for a first page or a reply either: both say why, and the way', async () => {
  const { page } = await startPageHost(temporaryFolder(), small);
  const failed = await eventually(async () => {
    const { engine } = await page.start({});
    if (engine.state !== 'failed') throw new Error(engine.state);
    return engine;
  });
  expect(failed.error.code).toBe('out-of-memory');
  const { largestContext } = await page.estimateFit({ id: model, settings: usual });
  expect(failed.fix).toEqual({ kind: 'lower-context', context: largestContext });
  const ended = await say(page, 'Hello');
  expect(ended.state).toBe('interrupted');
  expect(ended.reply?.error).toEqual(failed.error);
  await load(page, { ...usual, context: largestContext });
  expect((await say(page, 'What is the capital of France?')).text).toContain('Paris');
});

test('a larger context and a wider codec take more, and the largest that fits is the model’s own here', async () => {
  const { page } = await startPageHost();
  const at = (context: number, kvCodec: 'f32' | 'q8' | null) =>
    page.estimateFit({ id: model, settings: { context, kvCodec, threads: null } });
  const [small, large, wide, narrow] = await Promise.all([
    at(512, null),
    at(4096, null),
    at(4096, 'f32'),
    at(4096, 'q8'),
  ]);
  expect(large.kvBytes).toBeGreaterThan(small.kvBytes);
  expect(wide.kvBytes / large.kvBytes).toBeCloseTo(2, 1);
  expect(narrow.kvBytes).toBeLessThan(large.kvBytes);
  expect(small).toMatchObject({ fits: true, modelContext: 8192, largestContext: 8192, measured: null });
  expect((await at(100_000, null)).context).toBe(8192);
});
