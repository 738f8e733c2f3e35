/** What a conversation's cache shows, saves and restores. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LabError } from '../../electron/contract/errors.ts';
import { decodeFloats, encodeFloats } from '../../electron/contract/floats.ts';
import { SamplingParameters } from '../../electron/contract/sampling.ts';
import { Conversation } from '../../electron/engine/conversation.ts';
import { generate, type GenerateRequest } from '../../electron/engine/generate.ts';
import { compareCodecs } from '../../electron/lab/compare-codecs.ts';
import { maximumDifference } from '../helpers/golden.ts';
import { expectedOf, openModel, tinyFolder } from '../helpers/native-engine.ts';
import { peakAt, tableEngine } from '../helpers/table-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'retort-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const context = 128;
/** An engine that tells nothing of its cache. */
const table = tableEngine({ vocabularySize: 8, rowAfter: peakAt((id) => (id + 1) % 8, 8) });
const hooks = {
  signal: new AbortController().signal,
  emit: () => Promise.resolve(),
  onProgress: () => undefined,
};
const request = (ids: readonly number[], maxTokens = 8): GenerateRequest => ({
  ids,
  maxTokens,
  sampling: SamplingParameters.parse({ temperature: 0 }),
  ends: new Set(),
  stops: [],
  continues: false,
  trace: false,
});
const idsOf = (name: string) => expectedOf(name).input_ids;

async function talk(name: string, options = {}) {
  const engine = await openModel(tinyFolder(name), options);
  const conversation = new Conversation(engine, null);
  const first = await conversation.reply(context, request(idsOf(name)), hooks);
  return { engine, conversation, next: [...idsOf(name), ...first.ids, 5, 6, 7] };
}

const refused = (work: Promise<unknown>): Promise<LabError> =>
  work.then(
    () => expect.unreachable('it was not refused'),
    (error: unknown) => error as LabError,
  );

describe('the map of a conversation', () => {
  it('shows the same attention whether a position came in a long step or alone, and heads whose mean it is', async () => {
    const { engine, conversation } = await talk('llama');
    const mean = await conversation.cacheRows('attention', { head: 'mean' });
    const { length } = conversation.ids;
    const heads = await Promise.all(
      [0, 1, 2, 3].map((head) => conversation.cacheRows('attention', { head })),
    );
    const session = await engine.createSession({ context });
    const whole = await session.evaluate({
      ids: Int32Array.from(conversation.ids),
      rows: 'none',
      attention: { head: 'mean' },
    });
    mean.forEach((row, layer) => {
      expect(row).toHaveLength(length);
      expect(row).toEqual(whole.attention![layer]);
      const averaged = Float32Array.from(
        row,
        (_, i) => heads.reduce((sum, head) => sum + head[layer]![i]!, 0) / 4,
      );
      expect(maximumDifference(row, averaged)).toBeLessThan(1e-6);
      expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    });
    const cell = await conversation.cacheRows('attention', { position: 3 });
    expect([...cell[1]!]).toEqual(heads.map((head) => head[1]![3]));
  });

  it.each(['f32', 'f16', 'q8'] as const)(
    'has norms that are the same in every codec but for rounding: %s',
    async (kvCodec) => {
      const session = async (codec: 'f32' | 'f16' | 'q8') => {
        const engine = await openModel(tinyFolder('llama'));
        const opened = await engine.createSession({ context, kvCodec: codec });
        await opened.evaluate({ ids: Int32Array.from(idsOf('llama')), rows: 'none' });
        return opened;
      };
      const [plain, coded] = [await session('f32'), await session(kvCodec)];
      for (const part of ['keys', 'values'] as const) {
        const [expected, actual] = [
          await plain.cacheNorms!(part, { head: 1 }),
          await coded.cacheNorms!(part, { head: 1 }),
        ];
        expect(actual).toHaveLength(3);
        actual.forEach((row, layer) =>
          expect(maximumDifference(row, expected[layer]!)).toBeLessThan(0.02 * Math.max(...expected[layer]!)),
        );
      }
    },
  );

  it('changes no token of what follows', async () => {
    const { engine, conversation, next } = await talk('gemma2');
    for (const measure of ['attention', 'key-norm', 'value-norm'] as const)
      await conversation.cacheRows(measure, { head: 0 });
    const { ids, reusedTokens } = await conversation.reply(context, request(next), hooks);
    expect(reusedTokens).toBe(next.length - 4);
    expect(ids).toEqual((await generate(engine, null, request(next), hooks)).ids);
  });

  it('is NaN for a head that a layer lacks, and refused where nothing is held or the engine cannot tell', async () => {
    const { conversation } = await talk('llama');
    for (const measure of ['attention', 'value-norm'] as const) {
      const [row] = await conversation.cacheRows(measure, { head: 77 });
      expect(row!.every(Number.isNaN)).toBe(true);
    }
    const { length } = conversation.ids;
    expect((await refused(conversation.cacheRows('attention', { position: length }))).code).toBe(
      'bad-request',
    );
    expect(conversation.ids).toHaveLength(length - 1);
    await conversation.forget();
    expect((await refused(conversation.cacheRows('key-norm', { head: 'mean' }))).code).toBe('bad-request');
    const other = new Conversation(table, null);
    await other.reply(4, request([1], 2), hooks);
    expect((await refused(other.cacheRows('key-norm', { head: 'mean' }))).code).toBe('unsupported-feature');
  });
});

describe('a saved conversation', () => {
  it.each(['llama', 'gemma2', 'mixtral'])(
    'of %s goes on with the tokens it would have had, and reads only what is new',
    async (name) => {
      const { conversation, next } = await talk(name);
      const file = join(folder, `${name}.cache`);
      expect(await conversation.save(file)).toBe(conversation.ids.length);
      const uninterrupted = await conversation.reply(context, request(next), hooks);
      const later = new Conversation(await openModel(tinyFolder(name)), null);
      await later.restore(file, context);
      expect(later.reusedTokens).toBe(later.ids.length);
      const resumed = await later.reply(context, request(next), hooks);
      expect(resumed.ids).toEqual(uninterrupted.ids);
      expect(resumed.reusedTokens).toBe(next.length - 4);
    },
  );

  it('is refused by another codec or context, cut short or changed; what was held stays', async () => {
    const { conversation, next } = await talk('llama');
    const file = join(folder, 'refused.cache');
    await conversation.save(file);
    const other = await talk('llama', { kvCodec: 'q8' });
    const held = other.conversation.ids;
    expect((await refused(other.conversation.restore(file, context))).code).toBe('bad-request');
    expect((await refused(conversation.restore(file, context + 1))).code).toBe('bad-request');
    const bytes = readFileSync(file);
    const ids = bytes.indexOf(Buffer.from(Int32Array.from(conversation.ids.slice(0, 8)).buffer));
    for (const damaged of [
      bytes.subarray(0, bytes.length - 9),
      Buffer.from(bytes).fill(7, ids, ids + 1),
      Buffer.from(bytes).fill(0x55, bytes.length - 60, bytes.length - 50),
    ]) {
      writeFileSync(file, damaged);
      expect((await refused(conversation.restore(file, context))).code).toBe('bad-file');
    }
    expect(other.conversation.ids).toEqual(held);
    const { reusedTokens } = await conversation.reply(context, request(next), hooks);
    expect(reusedTokens).toBe(next.length - 4);
  });

  it('is not written where nothing is held, nor restored from a session without ids', async () => {
    const engine = await openModel(tinyFolder('llama'));
    const conversation = new Conversation(engine, null);
    expect((await refused(conversation.save(join(folder, 'none')))).code).toBe('bad-request');
    const session = await engine.createSession({ context });
    await session.evaluate({ ids: Int32Array.of(1, 2), rows: 'none' });
    const file = join(folder, 'without-ids');
    await session.save(file);
    expect((await refused(conversation.restore(file, context))).code).toBe('bad-file');
    expect(await session.restore(file)).toBeNull();
  });
});

describe('codecs compared on a conversation', () => {
  it('are the same for a codec twice, and q8 is close to f16 and takes little more than half', async () => {
    const { engine, conversation } = await talk('llama', { arithmetic: 'fast' });
    const progress: number[] = [];
    const compared = await compareCodecs(engine, conversation.ids, ['f16', 'f16', 'q8'], {
      signal: hooks.signal,
      onProgress: ({ done }) => void progress.push(done),
    });
    const [first, again, coded] = compared.codecs;
    expect(again!.kl.max).toBe(0);
    expect(again!.topOneAgreement).toBe(1);
    expect(coded!.kl.mean).toBeGreaterThan(0);
    expect(coded!.kl.mean).toBeLessThan(0.01);
    expect(coded!.kvBytes / first!.kvBytes).toBeLessThan(0.65);
    expect(coded!.tokensPerSecond.median).toBeGreaterThan(0);
    expect(progress.at(-1)).toBe(compared.positions + compared.timedTokens);
    expect(conversation.ids).toHaveLength(compared.positions);
  });

  it('end where they are cancelled, and are refused for an engine that has one', async () => {
    const { engine, conversation } = await talk('llama');
    const cancelled = compareCodecs(engine, conversation.ids, ['f16'], {
      signal: AbortSignal.abort(),
      onProgress: () => undefined,
    });
    expect((await refused(cancelled)).name).toBe('AbortError');
    expect((await refused(compareCodecs(table, [1, 2], ['f16'], hooks))).code).toBe('unsupported-feature');
  });
});

it('many numbers go through a message and come out as they were', () => {
  const values = Float32Array.from({ length: 10_001 }, (_, i) => Math.fround(Math.sin(i) * 10 ** (i % 30)));
  values[17] = NaN;
  values[18] = -Infinity;
  expect(decodeFloats(encodeFloats(values))).toEqual(values);
  expect(decodeFloats(encodeFloats(new Float32Array(0)))).toHaveLength(0);
});
