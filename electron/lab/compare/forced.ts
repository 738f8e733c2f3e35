/** The reference's reply, read by every model: what each thought at each of its tokens. */
import type { CompareForced, LikelyToken } from '../../contract/compare-figures.ts';
import type { Engine } from '../../engine/engine.ts';
import type { TokenDecoder } from '../../engine/text/decoder.ts';
import type { LabHooks } from '../bench.ts';
import { readTogether, type ScoredChunk } from '../lock-step.ts';
import { mean } from '../spread.ts';

const shownTokens = 10;

export interface ForcedReply {
  readonly promptIds: readonly number[];
  readonly ids: readonly number[];
}

interface Thought {
  readonly logProbability: number;
  readonly top: LikelyToken[];
  /** Null for the reference. */
  readonly kl: number | null;
}

/** `decoder`: of the reference; null: pieces are empty. Throws as readTogether. */
export async function readReply(
  engines: readonly Engine[],
  decoder: TokenDecoder | null,
  { promptIds, ids }: ForcedReply,
  hooks: LabHooks,
): Promise<CompareForced> {
  const thoughts = engines.map((): Thought[] => []);
  const piece = (id: number) => decoder?.piece(id) ?? '';
  const all = Int32Array.from([...promptIds, ...ids]);
  await readTogether(engines, all, promptIds.length, {
    signal: hooks.signal,
    report: (tokens) => hooks.onProgress({ phase: 'reply', done: tokens, total: all.length }),
    scored: (chunk) =>
      chunk.scores.forEach((_, model) => thoughts[model]!.push(...thoughtsOf(chunk, model, all, piece))),
  });
  const [reference = [], ...variants] = thoughts;
  return {
    reference: reference.map(({ logProbability, top }, i) => ({
      id: ids[i]!,
      piece: piece(ids[i]!),
      logProbability,
      top,
    })),
    variants: variants.map((tokens) => variantOf(tokens, reference)),
  };
}

function variantOf(thoughts: readonly Thought[], reference: readonly Thought[]) {
  const tokens = thoughts.map(({ logProbability, top, kl }) => ({ logProbability, top, kl: kl ?? 0 }));
  const first = tokens.findIndex(({ top }, i) => top[0]?.id !== reference[i]?.top[0]?.id);
  return { tokens, firstDivergence: first < 0 ? null : first, meanKl: mean(tokens.map(({ kl }) => kl)) };
}

function thoughtsOf(
  { start, scores, logits }: ScoredChunk,
  model: number,
  ids: Int32Array,
  piece: (id: number) => string,
): Thought[] {
  const { negativeLogProbability, divergence } = scores[model]!;
  const width = logits[model]!.length / negativeLogProbability.length;
  return [...negativeLogProbability].map((loss, row) => {
    const values = logits[model]!.subarray(row * width, (row + 1) * width);
    const logSum = loss + values[ids[start + row]!]!;
    const top = likeliest(values).map((id) => ({
      id,
      piece: piece(id),
      probability: Math.min(1, Math.exp(values[id]! - logSum)),
    }));
    return { logProbability: -loss, top, kl: divergence?.[row] ?? null };
  });
}

/** Ids of the highest logits, of equal ones the lowest first: as a score's argmax. */
export function likeliest(logits: Float32Array, count = shownTokens): number[] {
  const best: number[] = [];
  let least = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (best.length === count && logit <= least) continue;
    let place = best.length;
    while (place > 0 && logits[best[place - 1]!]! < logit) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
    least = logits[best.at(-1)!]!;
  }
  return best;
}
