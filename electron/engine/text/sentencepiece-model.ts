import { byteTokens } from './bpe-model.ts';
import { Merger, unknownSymbol } from './merge.ts';
import type { MergeRule } from './merge.ts';
import type { TextModel } from './pipeline.ts';

/**
 * SentencePiece's BPE as GGUF files hold it: no merge list, but a score per token. Neighbours merge whenever their text together is a
 * token, the highest score first; characters that end up outside the vocabulary become byte tokens (arXiv:1808.06226).
 */
export class SentencePieceModel implements TextModel, MergeRule {
  private readonly vocabulary: ReadonlyMap<string, number>;
  private readonly ranks: Int32Array;
  private readonly bytes: Int32Array;
  private readonly unknown: number | null;
  private readonly merger = new Merger();
  private text = '';

  /** `vocabulary`: the tokens that text may become, without control, unknown and byte tokens; `all`: every token, where byte tokens are found. */
  constructor(
    vocabulary: ReadonlyMap<string, number>,
    all: ReadonlyMap<string, number>,
    scores: Float32Array,
    unknown: number | null,
  ) {
    this.vocabulary = vocabulary;
    this.ranks = ranksOf(scores);
    this.bytes = byteTokens(all);
    this.unknown = unknown;
  }

  encode(text: string, ids: number[]): void {
    this.text = text;
    this.merger.clear();
    for (let start = 0; start < text.length;) {
      const length = (text.codePointAt(start) as number) > 0xffff ? 2 : 1;
      this.merger.add(this.vocabulary.get(text.slice(start, start + length)) ?? unknownSymbol, start);
      start += length;
    }
    this.merger.run(this, text.length);
    for (let index = 0; index < this.merger.count; index += 1) {
      const id = this.merger.ids[index] as number;
      if (id !== unknownSymbol) ids.push(id);
      else this.pushBytes(text.slice(this.merger.starts[index], this.merger.endOf(index)), ids);
    }
  }

  find(_left: number, _right: number, start: number, end: number): number {
    return this.vocabulary.get(this.text.slice(start, end)) ?? -1;
  }

  rank(handle: number): number {
    return this.ranks[handle] as number;
  }

  id(handle: number): number {
    return handle;
  }

  private pushBytes(text: string, ids: number[]): void {
    for (const byte of new TextEncoder().encode(text)) {
      const id = this.bytes[byte] as number;
      if (id !== unknownSymbol) ids.push(id);
      else if (this.unknown !== null) ids.push(this.unknown);
    }
  }
}

/** Dense ranks of scores: 0 for the highest; equal scores share a rank. */
export function ranksOf(scores: Float32Array): Int32Array {
  const order = Uint32Array.from(scores.keys()).sort(
    (a, b) => (scores[b] as number) - (scores[a] as number) || a - b,
  );
  const ranks = new Int32Array(scores.length);
  let rank = 0;
  for (let index = 0; index < order.length; index += 1) {
    const id = order[index] as number;
    if (index > 0 && scores[id] !== scores[order[index - 1] as number]) rank += 1;
    ranks[id] = rank;
  }
  return ranks;
}
