/** The reference's reply as every model saw it, token by token. Pure. */
import type { CompareForced, LikelyToken } from '../../../electron/contract/compare.ts';
import { sequentialStep } from '../../charts/draw-heatmap.ts';
import { formatNumber } from '../../ui/format.ts';
import { visibleText } from '../timeline/summary.ts';
import type { Comparison } from './result.ts';

export type TokenTint = 'kl' | 'probability';

/** KL at which a token has the full colour, in nats; less than a tenth of it has none. */
export const topKl = 0.8;
/** Surprise at which a token has the full colour, in bits. */
export const topSurprise = 9;

export interface ShownToken {
  /** What the text grows by; '' where a character is not complete yet. */
  readonly text: string;
  /** 0 to 9. */
  readonly step: number;
}

/** `index`: of all variants. */
export function shownTokens({ columns, forced }: Comparison, index: number, tint: TokenTint): ShownToken[] {
  const texts = columns[0]?.reply.tokens ?? [];
  if (!forced) return texts.map(({ text }) => ({ text, step: 0 }));
  return forced.reference.map(({ piece }, token) => ({
    text: texts[token]?.text ?? piece,
    step: stepOf(forced, index, token, tint),
  }));
}

function stepOf(forced: CompareForced, index: number, token: number, tint: TokenTint): number {
  const variant = forced.variants[index - 1]?.tokens[token];
  if (tint === 'kl') return variant ? sequentialStep(variant.kl, topKl) : 0;
  const logProbability = (variant ?? forced.reference[token])?.logProbability ?? 0;
  return sequentialStep(-logProbability / Math.LN2, topSurprise);
}

/** One row of a card: what both thought of one token. */
export interface LikelyRow {
  readonly id: number;
  readonly piece: string;
  /** Null: not among its ten likeliest. */
  readonly reference: number | null;
  readonly variant: number | null;
}

export interface TokenFacts {
  readonly piece: string;
  /** Of the reference's token. */
  readonly reference: number;
  /** Null: the reference itself is looked at. */
  readonly variant: number | null;
  readonly kl: number | null;
  /** The ten likeliest of either; the reference's own token is always among them. */
  readonly likely: readonly LikelyRow[];
}

/** Null where there is no such token. `index`: of all variants. */
export function tokenFacts(forced: CompareForced, index: number, token: number): TokenFacts | null {
  const own = forced.reference[token];
  if (!own) return null;
  const variant = forced.variants[index - 1]?.tokens[token];
  return {
    piece: own.piece,
    reference: Math.exp(own.logProbability),
    variant: variant ? Math.exp(variant.logProbability) : null,
    kl: variant?.kl ?? null,
    likely: mergedLikely(own, variant?.top ?? null),
  };
}

const mostLikely = 10;

function mergedLikely(
  { id: said, top }: CompareForced['reference'][number],
  variant: readonly LikelyToken[] | null,
): LikelyRow[] {
  const probability = (likely: readonly LikelyToken[] | null, id: number) =>
    likely?.find((each) => each.id === id)?.probability ?? null;
  const more = variant?.filter(({ id }) => top.every((likely) => likely.id !== id)) ?? [];
  const rows = [...top, ...more].map(({ id, piece }) => ({
    id,
    piece,
    reference: probability(top, id),
    variant: probability(variant, id),
  }));
  const most = (row: LikelyRow) => Math.max(row.reference ?? 0, row.variant ?? 0);
  const rank = (row: LikelyRow) => (row.id === said ? Infinity : most(row));
  const kept = rows.sort((left, right) => rank(right) - rank(left)).slice(0, mostLikely);
  return kept.sort((left, right) => most(right) - most(left));
}

/** What a screen reader is told of a token. */
export function tokenText(comparison: Comparison, index: number, token: number): string {
  const facts = comparison.forced && tokenFacts(comparison.forced, index, token);
  if (!facts) return '';
  const { piece, reference, variant, kl } = facts;
  const chosen = `token ${formatNumber(token)} “${visibleText(piece)}”`;
  if (variant === null || kl === null) return `${chosen}, probability ${formatNumber(reference, 3)}`;
  return `${chosen}, KL ${formatNumber(kl, 3)} nats, probability ${formatNumber(reference, 3)} in the reference, ${formatNumber(variant, 3)} here`;
}

/** Where a variant would first have said something else, and what. */
export interface Parting {
  readonly token: number;
  readonly said: Shift;
  readonly would: Shift;
}
interface Shift {
  readonly piece: string;
  readonly from: number;
  /** Null: not among the ten likeliest. */
  readonly to: number | null;
}

export function partingOf(forced: CompareForced, index: number): Parting | null {
  const variant = forced.variants[index - 1];
  const token = variant?.firstDivergence ?? null;
  const own = token === null ? undefined : forced.reference[token];
  const other = token === null ? undefined : variant?.tokens[token];
  const [best] = other?.top ?? [];
  if (token === null || !own || !other || !best) return null;
  const before = own.top.find(({ id }) => id === best.id)?.probability ?? null;
  return {
    token,
    said: { piece: own.piece, from: Math.exp(own.logProbability), to: Math.exp(other.logProbability) },
    would: { piece: best.piece, from: before ?? 0, to: best.probability },
  };
}

/** Heights of at most `room` bars, 0 to 1: the greatest KL of the tokens in each. `marked`: the bar of a token. */
export function klBars(
  kls: readonly number[],
  room: number,
): { readonly heights: readonly number[]; readonly perBar: number } {
  const perBar = Math.max(1, Math.ceil(kls.length / Math.max(1, room)));
  const heights = Array.from({ length: Math.ceil(kls.length / perBar) }, (_, bar) =>
    Math.min(1, Math.max(...kls.slice(bar * perBar, (bar + 1) * perBar))),
  );
  return { heights, perBar };
}
