/** The scores of a SentencePiece vocabulary as what byte-pair encoding goes by: an ordered list of merges. */
import { ranksOf } from './sentencepiece-model.ts';

export interface ScoredMerge {
  readonly left: string;
  readonly right: string;
  /** Of the piece that both become; 0 for the highest score, equal for equal scores. */
  readonly rank: number;
}

/**
 * Every way to make a piece of two others, ordered by the score of what they make, then, as Hugging Face's converter does, the longest left part
 * first. `pieces`: those that text may become, by text.
 */
export function scoredMerges(pieces: ReadonlyMap<string, number>, scores: Float32Array): ScoredMerge[] {
  const ranks = ranksOf(scores);
  const merges: ScoredMerge[] = [];
  for (const [piece, id] of pieces) {
    for (let length = 1; length < piece.length; length += 1) {
      const left = piece.slice(0, length);
      const right = piece.slice(length);
      if (pieces.has(left) && pieces.has(right)) merges.push({ left, right, rank: ranks[id] as number });
    }
  }
  return merges.sort(
    (a, b) => a.rank - b.rank || b.left.length - a.left.length || b.right.length - a.right.length,
  );
}

/** Texts that begin with the same two pieces. */
const textsOfTwo = 8;

/**
 * Texts of three pieces of which the first two and the last two make pieces of the same score. SentencePiece joins the two on the left, a list
 * of merges those that stand first in it: where no scores are equal there is no such text, and both come to the same ids.
 */
export function* tiedTexts(merges: readonly ScoredMerge[]): Generator<string> {
  for (let from = 0, to = 0; from < merges.length; from = to) {
    while (to < merges.length && merges[to]?.rank === merges[from]?.rank) to += 1;
    const tied = merges.slice(from, to);
    const following = new Map<string, string[]>();
    for (const { left, right } of tied) {
      const rights = following.get(left);
      if (rights === undefined) following.set(left, [right]);
      else if (rights.length < textsOfTwo) rights.push(right);
    }
    for (const { left, right } of tied) {
      for (const last of following.get(right) ?? []) {
        if (left + right !== right + last) yield left + right + last;
      }
    }
  }
}
