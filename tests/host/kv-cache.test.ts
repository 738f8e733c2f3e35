import { mkdirSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HeldConversation } from '../../electron/contract/kv-cache.ts';
import { decodeFloats } from '../../electron/contract/floats.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { Caches } from '../../electron/host/caches/caches.ts';
import { refusalOf, SavedCaches } from '../../electron/host/kv-cache/saved-caches.ts';
import { eventually } from '../helpers/eventually.ts';
import { startPageHost, temporaryFolder, type TestPageHost } from '../helpers/test-host.ts';

const model = 'smollm2-135m-instruct';
type Page = TestPageHost['page'];

async function say(page: Page, chatId: string, parentId: string | null, text: string) {
  const { reply } = await page.send({ chatId, parentId, text, files: [], model });
  return drain(page.followReply({ replyId: reply.id, from: 0 }));
}

async function load(page: Page, settings = {}): Promise<void> {
  const usual = { context: 1024, kvCodec: null, threads: null };
  await page.loadModel({ id: model, settings: { ...usual, ...settings }, force: false });
  await eventually(async () => expect((await page.start({})).engine.state).toBe('ready'));
}

async function chat(page: Page) {
  const { id } = await page.createChat({
    sampling: { temperature: 0 },
    maxTokens: 24,
    systemPrompt: 'You answer in one sentence.',
  });
  return { id, first: await say(page, id, null, 'What is the capital of France?') };
}

async function heldBy(page: Page): Promise<HeldConversation> {
  return (await page.readHeldCache({})) ?? expect.unreachable();
}

describe('what the model in memory holds', () => {
  test('is told part by part with its texts, and what the next message costs', async () => {
    const { page } = await startPageHost();
    expect(await page.readHeldCache({})).toBeNull();
    await load(page);
    expect(await page.readHeldCache({})).toBeNull();
    const { id, first } = await chat(page);
    const held = await heldBy(page);
    expect(held.chat).toEqual({ id, title: 'What is the capital of France?' });
    expect(held).toMatchObject({ context: 1024, reusedTokens: 0, positions: held.pieces.length });
    expect(held.layers).toHaveLength(30);
    expect(held.layers[3]).toMatchObject({ layer: 3, heads: 9, keyValueHeads: 3, codec: 'f16' });
    const origins = held.parts.map(({ origin }) => origin);
    expect(origins).toEqual(expect.arrayContaining(['system', 'user', 'assistant', 'template']));
    expect(held.parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(held.positions);
    expect(held.spans[0]?.from).toBe(0);
    expect(held.spans.at(-1)?.to).toBe(held.positions);
    const ofReply = held.spans.filter(({ part }) => held.parts[part]?.origin === 'assistant');
    const text = ofReply.flatMap(({ from, to }) => held.pieces.slice(from, to)).join('');
    expect(text).toBe(first.text);
    await page.changeChat({ id, change: { draft: 'And of Spain?' } });
    const { next } = await heldBy(page);
    expect(next?.draftTokens).toBe(4);
    expect(next?.reusedTokens).toBe(held.positions);
    await say(page, id, first.id, 'And of Spain?');
    expect((await heldBy(page)).reusedTokens).toBe(held.positions);
  });

  test('is mapped by layer and position, and a cell head by head', async () => {
    const { page } = await startPageHost();
    await load(page);
    await expect(page.readCacheMap({ measure: 'attention', head: null })).rejects.toMatchObject({
      code: 'bad-request',
    });
    await chat(page);
    const { positions } = await heldBy(page);
    for (const measure of ['attention', 'key-norm', 'value-norm'] as const) {
      const map = await page.readCacheMap({ measure, head: null });
      expect(map).toMatchObject({ layers: 30, positions });
      const values = decodeFloats(map.values);
      expect(values).toHaveLength(30 * positions);
      const cell = await page.readCacheCell({ measure, layer: 17, position: 5 });
      expect(cell).toHaveLength(measure === 'attention' ? 9 : 3);
      const mean = cell.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / cell.length;
      expect(values[17 * positions + 5]).toBeCloseTo(mean, 4);
    }
    await page.clearCache({});
    expect(await page.readHeldCache({})).toBeNull();
  });

  test('is compared in f16 and q8, which a reply ends', async () => {
    const { page } = await startPageHost();
    await load(page);
    const { id, first } = await chat(page);
    const compared = await drain(page.compareCodecs({}));
    expect(compared.codecs.map(({ codec }) => codec)).toEqual(['f16', 'q8']);
    expect(compared.codecs[1]?.kl.mean).toBeLessThan(0.1);
    const ended = drain(page.compareCodecs({})).catch((error: unknown) => error);
    await say(page, id, first.id, 'And of Spain?');
    // It may have been quicker than the reply.
    expect(await ended).toSatisfy(
      (value: object) => 'codecs' in value || ('code' in value && value.code === 'cancelled'),
    );
  });
});

describe('a saved cache', () => {
  test('is restored after a restart: the chat goes on with the same tokens and reads only what is new', async () => {
    const before = await startPageHost();
    await load(before.page);
    const { id, first } = await chat(before.page);
    const saved = await before.page.saveCache({ name: 'France' });
    expect(saved).toMatchObject({ name: 'France', context: 1024, kvCodec: 'f16', refusal: null });
    await expect(before.page.saveCache({ name: 'France' })).rejects.toMatchObject({ code: 'bad-request' });
    const again = await before.page.saveCache({ name: 'another' });
    expect((await before.page.removeSavedCache({ id: again.id })).name).toBe('another');
    const uninterrupted = await say(before.page, id, first.id, 'And of Spain?');
    await before.close();

    const { page } = await startPageHost(before.home);
    const [listed] = await page.listSavedCaches({});
    expect(listed).toMatchObject({ id: saved.id, refusal: 'No model is loaded.' });
    await load(page);
    const restored = await page.restoreSavedCache({ id: saved.id });
    expect(restored.tokens).toBe(saved.tokens);
    const held = await heldBy(page);
    expect(held).toMatchObject({ chat: { id }, reusedTokens: saved.tokens, positions: saved.tokens });
    const resumed = await say(page, id, first.id, 'And of Spain?');
    expect(resumed.text).toBe(uninterrupted.text);
    expect(resumed.reply?.reusedTokens).toBe(saved.tokens);
  });

  test('is refused with the reason where settings differ, where it was cut short, and what is held stays', async () => {
    const { page, home } = await startPageHost();
    await load(page);
    await chat(page);
    const { id } = await page.saveCache({ name: 'cut' });
    const held = await heldBy(page);
    const file = join(home, 'cache', 'saved-caches', id, 'cache.safetensors');
    truncateSync(file, readFileSync(file).length - 100);
    await expect(page.restoreSavedCache({ id })).rejects.toMatchObject({ code: 'bad-file' });
    expect(await heldBy(page)).toEqual(held);
    await load(page, { kvCodec: 'q8' });
    await eventually(async () =>
      expect((await page.listSavedCaches({}))[0]?.refusal).toContain('f16; the model is loaded with q8'),
    );
    await expect(page.restoreSavedCache({ id })).rejects.toMatchObject({ code: 'bad-request' });
    await load(page, { context: 512 });
    await eventually(async () =>
      expect((await page.listSavedCaches({}))[0]?.refusal).toContain(
        '1024 tokens; the model is loaded with 512',
      ),
    );
  });
});

describe('the folder of saved caches', () => {
  const about = {
    name: 'x',
    modelTitle: 'Tiny',
    modelPath: '/m',
    identity: 'abc',
    engine: 'native',
    arithmetic: 'fast',
    kvCodec: 'f16',
    context: 64,
    chatId: null,
  } as const;
  const write = (file: string) => {
    writeFileSync(file, 'bytes');
    return Promise.resolve({ tokens: 3, bytes: 5 });
  };

  test('has nothing of a save that failed, says when the disk is full, and lists nothing that is half', async () => {
    const folder = temporaryFolder();
    const caches = new SavedCaches(folder);
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const failing = caches.add(about, 1000, (file) => write(file).then(() => Promise.reject(full)));
    await expect(failing).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('Nothing was saved') as string,
    });
    await expect(caches.add(about, 2 ** 60, write)).rejects.toMatchObject({ code: 'disk-full' });
    expect(readdirSync(join(folder, 'saved-caches'))).toEqual([]);
    const kept = await caches.add(about, 5, write);
    mkdirSync(join(folder, 'saved-caches', 'half'));
    renameSync(
      join(folder, 'saved-caches', kept.id, 'about.json'),
      join(folder, 'saved-caches', 'half', 'about.json'),
    );
    writeFileSync(join(folder, 'saved-caches', kept.id, 'about.json'), '{"version":1,');
    expect((await caches.list()).map(({ id }) => id)).toEqual(['half']);
  });

  test('of a model are taken by a pack of it, and by no other', () => {
    const saved = { ...about, version: 1, savedAt: 1, tokens: 3, bytes: 5 } as const;
    const model = { ...about, identity: 'pack' };
    expect(refusalOf(saved, { ...model, packOf: 'abc' })).toBeNull();
    expect(refusalOf(saved, { ...model, packOf: 'other' })).toContain('another model: Tiny');
    expect(refusalOf(saved, model)).toContain('another model: Tiny');
    expect(refusalOf(saved, { ...about, arithmetic: 'reference' })).toContain('in fast arithmetic');
  });

  test('is cleaned of what a killed process left half done', async () => {
    const folder = temporaryFolder();
    const partial = join(folder, 'saved-caches', 'abc.partial-999999999-0');
    mkdirSync(partial, { recursive: true });
    writeFileSync(join(partial, 'cache.safetensors'), 'half');
    await new Caches(folder).removeAbandoned();
    expect(readdirSync(join(folder, 'saved-caches'))).toEqual([]);
  });
});
