import { describe, expect, test } from 'vitest';
import type { Progress } from '../../electron/contract/progress.ts';
import type { TokenBatch } from '../../electron/contract/reply.ts';
import { SamplingParameters } from '../../electron/contract/sampling.ts';
import type { Engine } from '../../electron/engine/engine.ts';
import { generate, prefillChunk, type GenerateRequest } from '../../electron/engine/generate.ts';
import type { TokenDecoder } from '../../electron/engine/text/decoder.ts';
import { bundledModel } from '../helpers/golden.ts';
import { openModel } from '../helpers/native-engine.ts';
import { peakAt, tableEngine } from '../helpers/table-engine.ts';

const size = 40;
/** Every id is followed by the next one. */
const counting = peakAt((id) => (id + 1) % size, size);

/** Ids are letters; 3 bytes of one character are spread over ids 30, 31, 32. */
const decoder: TokenDecoder = {
  vocabularySize: size,
  stream() {
    const utf8 = new TextDecoder();
    const euro = [0xe2, 0x82, 0xac];
    let isIncomplete = false;
    return {
      push: (id) => {
        isIncomplete = id === 30 || (id === 31 && isIncomplete);
        return utf8.decode(Uint8Array.of(id < 30 ? 97 + (id % 26) : (euro[id - 30] ?? 63)), { stream: true });
      },
      get isIncomplete() {
        return isIncomplete;
      },
      end: () => utf8.decode(),
    };
  },
  decode: () => '',
  piece: (id) => String(id),
};

const request: GenerateRequest = {
  ids: [0],
  maxTokens: 5,
  sampling: SamplingParameters.parse({ temperature: 0 }),
  ends: new Set(),
  stops: [],
  continues: true,
  trace: false,
};

async function reply(more: Partial<GenerateRequest>, engine: Engine, signal?: AbortSignal) {
  const batches: TokenBatch[] = [];
  const reports: Progress[] = [];
  const result = await generate(
    engine,
    decoder,
    { ...request, ...more },
    {
      signal: signal ?? new AbortController().signal,
      emit: (batch) => Promise.resolve(void batches.push(batch)),
      onProgress: (progress) => void reports.push(progress),
    },
  );
  return { result, batches, reports };
}

const countingEngine = (contextLength = 1000) =>
  tableEngine({ rowAfter: counting, vocabularySize: size, contextLength });

describe('a reply', () => {
  test('goes on to its longest length and streams what it returns', async () => {
    const { result, batches } = await reply({}, countingEngine());
    expect(result).toMatchObject({ ids: [1, 2, 3, 4, 5], text: 'bcdef', finishReason: 'length' });
    expect(batches.flatMap((batch) => batch.ids)).toEqual(result.ids);
    expect(batches.map((batch) => batch.text).join('')).toBe(result.text);
    expect(batches.map((batch) => batch.number)).toEqual(batches.map((_, index) => index));
  });

  test('tells how far a long prompt was read', async () => {
    const ids = Array.from({ length: 2 * prefillChunk + 7 }, (_, i) => i % 5);
    const { reports } = await reply({ ids }, countingEngine());
    const total = ids.length;
    expect(reports.map(({ done }) => done)).toEqual([prefillChunk, 2 * prefillChunk, total]);
    expect(new Set(reports.map((report) => report.total))).toEqual(new Set([total]));
  });

  test('ends with an end id, which is counted but has no text', async () => {
    const { result } = await reply({ ends: new Set([3]) }, countingEngine());
    expect(result).toMatchObject({ ids: [1, 2, 3], text: 'bc', finishReason: 'end' });
  });

  test('ends before a stop string that is spread over tokens', async () => {
    const { result } = await reply({ stops: ['de'] }, countingEngine());
    expect(result).toMatchObject({ ids: [1, 2, 3, 4], text: 'bc', finishReason: 'stop' });
  });

  test('gives back what looked like a stop string and was none', async () => {
    const { result } = await reply({ stops: ['fz'], maxTokens: 5 }, countingEngine());
    expect(result.text).toBe('bcdef');
  });

  test('never shows half a character', async () => {
    const { result, batches } = await reply({ ids: [29], maxTokens: 3 }, countingEngine());
    expect(result.text).toBe('€');
    for (const batch of batches) expect(batch.text).not.toContain('\ufffd');
  });

  test.each<[string, Partial<GenerateRequest>, string[]]>([
    ['nothing held back', { maxTokens: 3 }, ['b', 'c', 'd']],
    ['a character over three tokens', { ids: [28], maxTokens: 5 }, ['d', '', '', '€', '?']],
    ['half a character at the end', { ids: [28], maxTokens: 3 }, ['d', '', '\ufffd']],
    ['what was no stop string', { stops: ['dez'], maxTokens: 5 }, ['b', 'c', '', '', 'def']],
    ['what may be a stop string at the end', { stops: ['efg'], maxTokens: 5 }, ['b', 'c', 'd', '', 'ef']],
    ['a stop string', { stops: ['de'] }, ['b', 'c', '', '']],
    ['the end token behind what is held back', { stops: ['dx'], ends: new Set([4]) }, ['b', 'c', 'd', '']],
  ])('gives each token its text: %s', async (_what, more, texts) => {
    const { result, batches } = await reply(more, countingEngine());
    const tokens = batches.flatMap((batch) => batch.tokens);
    expect(tokens.map(({ text }) => text)).toEqual(texts);
    expect(result.text).toBe(texts.join(''));
    expect(tokens.map(({ id }) => id)).toEqual(result.ids);
    expect(tokens.map(({ piece }) => piece)).toEqual(result.ids.map(String));
    for (const batch of batches) expect(batch.text).toBe(batch.tokens.map(({ text }) => text).join(''));
  });

  test('that is cancelled gives the last token what was held back', async () => {
    const controller = new AbortController();
    const onEvaluate = async (ids: Int32Array) => {
      // Longer than the pause between batches: the last token would have been sent by now.
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (ids[0] === 4) controller.abort();
    };
    const engine = tableEngine({ rowAfter: counting, vocabularySize: size, onEvaluate });
    const { result, batches } = await reply({ stops: ['ez'], maxTokens: 50 }, engine, controller.signal);
    expect(result).toMatchObject({ finishReason: 'cancelled', text: 'bcde' });
    expect(batches.flatMap(({ tokens }) => tokens.map(({ text }) => text))).toEqual(['b', 'c', 'd', 'e']);
  });

  test('ends at the end of the context', async () => {
    const { result } = await reply({ ids: [0, 1, 2], maxTokens: 100 }, countingEngine(6));
    expect(result.finishReason).toBe('context');
    expect(result.ids).toEqual([3, 4, 5, 6]);
  });

  test('is the same for the same seed and another for another', async () => {
    const flat = () => tableEngine({ rowAfter: () => new Float32Array(size), vocabularySize: size });
    const draw = async (seed: number) =>
      (await reply({ maxTokens: 30, sampling: SamplingParameters.parse({ seed, topK: 0 }) }, flat())).result
        .ids;
    expect(await draw(7)).toEqual(await draw(7));
    expect(await draw(7)).not.toEqual(await draw(8));
  });

  test('has ids and no text where the model has no tokenizer', async () => {
    const emit = () => Promise.resolve();
    const { signal } = new AbortController();
    const onProgress = () => undefined;
    const result = await generate(countingEngine(), null, request, { signal, emit, onProgress });
    expect(result).toMatchObject({ ids: [1, 2, 3, 4, 5], text: '' });
  });

  test('closes its session also where the engine fails', async () => {
    const onEvaluate = (ids: Int32Array) => {
      if (ids[0] === 2) throw new Error('the engine broke');
    };
    const engine = tableEngine({ rowAfter: counting, vocabularySize: size, onEvaluate });
    await expect(reply({}, engine)).rejects.toThrow('the engine broke');
    expect(engine.openSessions).toBe(0);
  });
});

describe('a prompt', () => {
  test('is evaluated in chunks and traced chunk by chunk', async () => {
    const engine = countingEngine(2000);
    const ids = Array.from({ length: prefillChunk * 2 + 10 }, (_, i) => i % size);
    const { batches } = await reply({ ids, maxTokens: 2, trace: true }, engine);
    expect(engine.evaluations).toEqual([prefillChunk, prefillChunk, 10, 1]);
    const trace = batches.flatMap((batch) => batch.trace);
    expect(trace.map(({ phase, tokens, position }) => [phase, tokens, position])).toEqual([
      ['prefill', prefillChunk, 0],
      ['prefill', prefillChunk, prefillChunk],
      ['prefill', 10, 2 * prefillChunk],
      ['decode', 1, 2 * prefillChunk + 10],
    ]);
    expect(trace.map((record) => record.step)).toEqual([0, 1, 2, 3]);
    expect(trace.map((record) => record.id !== undefined)).toEqual([false, false, true, true]);
  });

  test('that is longer than the model holds is refused before anything is computed', async () => {
    const engine = countingEngine(4);
    await expect(reply({ ids: [0, 1, 2, 3, 4] }, engine)).rejects.toMatchObject({ code: 'context-full' });
    expect(engine.evaluations).toEqual([]);
  });
});

describe('a trace record', () => {
  test('names the drawn id, its probability and the times that are known, and no others', async () => {
    const sampling = SamplingParameters.parse({ temperature: 0, topLogProbabilities: 2 });
    const { batches } = await reply({ maxTokens: 1, trace: true, sampling }, countingEngine());
    const [record] = batches.flatMap((batch) => batch.trace);
    expect(record).toMatchObject({ step: 0, phase: 'prefill', tokens: 1, id: 1, kvBytes: 8 });
    // One logit of 10 among 39 of 0.
    expect(record?.logProbability).toBeCloseTo(-Math.log(1 + 39 * Math.exp(-10)), 6);
    expect(record?.top?.[0]).toMatchObject({ id: 1, piece: '1' });
    expect(record?.top).toHaveLength(2);
    expect(Object.keys(record?.timeNs ?? {}).sort()).toEqual(['detokenize', 'evaluate', 'sampling', 'total']);
    expect(record).not.toHaveProperty('bytesRead');
    expect(record).not.toHaveProperty('reused');
  });

  test('counts no time twice, neither by two causes nor in two steps', async () => {
    const engine = await openModel(bundledModel, { arithmetic: 'fast' });
    const ids = Array.from({ length: prefillChunk + 8 }, (_, i) => i);
    const { batches } = await reply({ ids, maxTokens: 8, trace: true }, engine);
    const trace = batches.flatMap((batch) => batch.trace);
    expect(trace.map(({ tokens }) => tokens)).toEqual([prefillChunk, 8, 1, 1, 1, 1, 1, 1, 1]);
    let ended = 0;
    for (const { startNs, timeNs } of trace) {
      const { total, evaluate, attention, feedForward, head, other, sampling = 0, detokenize = 0 } = timeNs;
      const causes = [attention!, feedForward!, head!, other!, sampling, detokenize];
      for (const cause of causes) expect(cause).toBeGreaterThanOrEqual(0);
      expect(attention! + feedForward! + head! + other!).toBeLessThanOrEqual(evaluate!);
      expect(evaluate! + sampling + detokenize).toBeLessThanOrEqual(total);
      expect(startNs).toBeGreaterThanOrEqual(ended);
      ended = startNs + total;
    }
  });
});

describe('a cancellation', () => {
  test('between steps keeps what there is', async () => {
    const controller = new AbortController();
    const onEvaluate = (ids: Int32Array) => {
      if (ids[0] === 3) controller.abort();
    };
    const engine = tableEngine({ rowAfter: counting, vocabularySize: size, onEvaluate });
    const { result, batches } = await reply({ maxTokens: 50 }, engine, controller.signal);
    expect(result).toMatchObject({ finishReason: 'cancelled', ids: [1, 2, 3], text: 'bcd' });
    expect(batches.map((batch) => batch.text).join('')).toBe('bcd');
  });

  test('during the prompt answers with nothing', async () => {
    const { result } = await reply({}, countingEngine(), AbortSignal.abort());
    expect(result).toMatchObject({ finishReason: 'cancelled', ids: [], text: '', firstTokenMs: 0 });
  });

  test('while the prompt is read leaves the speed of what was read', async () => {
    const controller = new AbortController();
    const engine = tableEngine({
      rowAfter: counting,
      vocabularySize: size,
      contextLength: 5000,
      async onEvaluate() {
        if (engine.evaluations.length > 0) return controller.abort();
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    const ids = Array.from({ length: 12 * prefillChunk }, () => 0);
    const { result } = await reply({ ids }, engine, controller.signal);
    expect(result.finishReason).toBe('cancelled');
    // Timers may be a millisecond early.
    expect(result.prefillTokensPerSecond).toBeLessThanOrEqual(prefillChunk / 0.019);
  });
});

test('numbers that a model must not produce end the reply with invalid-numbers', async () => {
  const rowAfter = () => new Float32Array(size).fill(Number.NaN);
  const engine = tableEngine({ rowAfter, vocabularySize: size });
  await expect(reply({}, engine)).rejects.toMatchObject({ code: 'invalid-numbers' });
});

test('tokens are sent about sixty times a second, the first at once', async () => {
  const arrivals: number[] = [];
  const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 2));
  const engine = tableEngine({ rowAfter: counting, vocabularySize: size, onEvaluate: slow });
  const started = performance.now();
  const emit = (batch: TokenBatch) => {
    arrivals.push(batch.ids.length);
    return Promise.resolve();
  };
  const { signal } = new AbortController();
  const onProgress = () => undefined;
  await generate(engine, decoder, { ...request, maxTokens: 200 }, { signal, emit, onProgress });
  const seconds = (performance.now() - started) / 1000;
  expect(arrivals[0]).toBe(1);
  expect(arrivals.length).toBeLessThanOrEqual(seconds * 65 + 3);
  expect(arrivals.reduce((sum, count) => sum + count, 0)).toBe(200);
});

test('a reader that takes nothing does not hold up the reply', async () => {
  let take: () => void = () => undefined;
  const taken = new Promise<void>((resolve) => (take = resolve));
  const sizes: number[] = [];
  const emit = (batch: TokenBatch) => {
    sizes.push(batch.ids.length);
    return taken;
  };
  const engine = countingEngine();
  const { signal } = new AbortController();
  const onProgress = () => undefined;
  const running = generate(engine, decoder, { ...request, maxTokens: 300 }, { signal, emit, onProgress });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(engine.evaluations).toHaveLength(300);
  expect(sizes).toEqual([1]);
  take();
  await running;
  expect(sizes).toEqual([1, 299]);
});
