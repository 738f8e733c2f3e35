/**
 * What codecs of the KV cache do to one text: its ids go through a session of each, a block at a time and in turn, so that one block of logits of
 * each is the most that is kept. Then the last tokens once more, one at a time and each by all codecs before the next, for their speed.
 */
import type { CodecComparison } from '../contract/held-cache.ts';
import type { KvCodec } from '../contract/open-model.ts';
import { LabError } from '../contract/errors.ts';
import type { Engine, Session } from '../engine/engine.ts';
import { giveBack } from '../engine/generate.ts';
import { scoreRows } from '../engine/native/sampler.ts';
import type { LabHooks } from './bench.ts';
import { quantile, spread } from './spread.ts';

/** Logits of one block. */
const blockBytes = 24 * 1_048_576;
const longestBlock = 256;
const mostTimed = 32;

interface Compared {
  readonly codec: KvCodec;
  readonly session: Session;
  readonly divergences: number[];
  agreeing: number;
  kvBytes: number;
  readonly rates: number[];
}

/** Against the first codec. Throws bad-request for fewer than two ids, `cancelled`, unsupported-feature where the engine has one codec, and what it throws. */
export async function compareCodecs(
  engine: Engine,
  ids: readonly number[],
  codecs: readonly KvCodec[],
  hooks: LabHooks,
): Promise<CodecComparison> {
  const { signal } = hooks;
  if (ids.length < 2)
    throw new LabError('bad-request', 'There is too little to compare: two tokens are the least.');
  if (!engine.cache) {
    throw new LabError('unsupported-feature', 'This engine keeps keys and values in one way only.');
  }
  const timedTokens = Math.min(mostTimed, ids.length - 1);
  const total = ids.length + timedTokens;
  const compared: Compared[] = [];
  try {
    for (const kvCodec of codecs) {
      const session = await engine.createSession({ context: ids.length, kvCodec });
      compared.push({ codec: kvCodec, session, divergences: [], agreeing: 0, kvBytes: 0, rates: [] });
    }
    const whole = Int32Array.from(ids);
    await replay(compared, whole, engine.info.vocabularySize, {
      signal,
      onProgress: ({ phase, done }) => hooks.onProgress({ phase, done, total }),
    });
    for (const each of compared) {
      each.kvBytes = each.session.kvBytes;
      each.session.truncate(ids.length - timedTokens);
    }
    for (let i = ids.length - timedTokens; i < ids.length; i++) {
      // Who goes first changes, so that what else the machine does hits all alike.
      for (const each of i % 2 === 0 ? compared : compared.toReversed())
        await time(each, whole.subarray(i, i + 1), signal);
      hooks.onProgress({ phase: 'time steps', done: i + 1 + timedTokens, total });
    }
    return { positions: ids.length, timedTokens, codecs: compared.map((each) => resultOf(each, ids.length)) };
  } finally {
    for (const { session } of compared) session.close();
  }
}

async function replay(
  compared: readonly Compared[],
  ids: Int32Array,
  vocabularySize: number,
  hooks: LabHooks,
): Promise<void> {
  const rows = Math.max(1, Math.min(longestBlock, Math.floor(blockBytes / (4 * vocabularySize))));
  for (let start = 0; start < ids.length; start += rows) {
    const block = ids.subarray(start, start + rows);
    const logits: Float32Array[] = [];
    for (const { session } of compared) {
      hooks.signal.throwIfAborted();
      logits.push((await session.evaluate({ ids: block, rows: 'all' }, hooks.signal)).logits);
    }
    // What is likeliest is asked for; the targets do not matter.
    const scores = scoreRows(logits, vocabularySize, block);
    for (const [index, { argmax, divergence }] of scores.entries()) {
      const each = compared[index]!;
      argmax.forEach((id, row) => (each.agreeing += id === scores[0]!.argmax[row] ? 1 : 0));
      each.divergences.push(...(divergence ?? []));
    }
    for (const rows of logits) giveBack(rows);
    hooks.onProgress({ phase: 'replay', done: start + block.length, total: ids.length });
  }
}

async function time(each: Compared, id: Int32Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const started = process.hrtime.bigint();
  const { logits } = await each.session.evaluate({ ids: id, rows: 'last' }, signal);
  each.rates.push(1e9 / Number(process.hrtime.bigint() - started));
  giveBack(logits);
}

function resultOf({ codec, divergences, agreeing, kvBytes, rates }: Compared, positions: number) {
  const sorted = Float64Array.from(divergences).sort();
  const mean = sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return {
    codec,
    kvBytes,
    kl: { mean, p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? 0 },
    topOneAgreement: agreeing / positions,
    tokensPerSecond: spread(rates),
  };
}
