import { Merger, unknownSymbol } from './merge.ts';
import type { MergeRule } from './merge.ts';
import { PairTable } from './pair-table.ts';
import type { TextModel } from './pipeline.ts';

export interface BpeOptions {
  /** Token text → id. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Pairs of token texts, the first merges first. */
  readonly merges: Iterable<readonly [string, string]>;
  readonly mergeCount: number;
  /** A whole word that is a token is taken as it is. */
  readonly ignoreMerges: boolean;
  /** Characters outside the vocabulary become `<0xNN>` tokens. */
  readonly byteFallback: boolean;
  /** Id of other unknown characters; null: they are dropped. */
  readonly unknown: number | null;
  /** One unknown id for a run of unknown characters. */
  readonly fuseUnknown: boolean;
}

const cacheEntries = 20_000;
const cachedLength = 64;
const tableCharacters = 0x180;
const utf8 = new TextEncoder();

/** The `<0xNN>` tokens of a vocabulary by byte; −1 where one is missing. */
export function byteTokens(vocabulary: ReadonlyMap<string, number>): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    return vocabulary.get(name) ?? unknownSymbol;
  });
}

/**
 * Byte-pair encoding of one word by ranked merges, as Hugging Face's tokenizers do it: characters (or byte-level characters) first, then
 * merges in rank order.
 */
export class BpeModel implements TextModel, MergeRule {
  /** Merges that name pieces outside the vocabulary and are therefore left out. */
  readonly ignored: number;
  private readonly vocabulary: ReadonlyMap<string, number>;
  private readonly options: BpeOptions;
  private readonly pairs: PairTable;
  private readonly mergedIds: Int32Array;
  private readonly singles = new Int32Array(tableCharacters);
  private readonly bytes: Int32Array | null;
  private readonly cache = new Map<string, readonly number[]>();
  private readonly fallbacks = new Map<number, readonly number[]>();
  private readonly merger = new Merger();

  constructor(options: BpeOptions) {
    this.options = options;
    this.vocabulary = options.vocabulary;
    this.pairs = new PairTable(options.mergeCount);
    this.mergedIds = new Int32Array(options.mergeCount);
    this.ignored = this.addMerges(options.merges);
    for (let code = 0; code < tableCharacters; code += 1) {
      this.singles[code] = this.vocabulary.get(String.fromCharCode(code)) ?? unknownSymbol;
    }
    this.bytes = options.byteFallback ? byteTokens(this.vocabulary) : null;
  }

  encode(word: string, ids: number[]): void {
    const whole = this.options.ignoreMerges ? this.vocabulary.get(word) : undefined;
    if (whole !== undefined) {
      ids.push(whole);
      return;
    }
    const cached = this.cache.get(word);
    if (cached !== undefined) {
      for (const id of cached) ids.push(id);
      return;
    }
    const from = ids.length;
    this.encodeWord(word, ids);
    if (word.length > cachedLength) return;
    if (this.cache.size >= cacheEntries) this.cache.clear();
    this.cache.set(word, ids.slice(from));
  }

  find(left: number, right: number): number {
    return left < 0 || right < 0 ? -1 : this.pairs.find(left, right);
  }

  rank(handle: number): number {
    return handle;
  }

  id(handle: number): number {
    return this.mergedIds[handle] as number;
  }

  private addMerges(merges: Iterable<readonly [string, string]>): number {
    let added = 0;
    let ignored = 0;
    for (const [left, right] of merges) {
      const leftId = this.vocabulary.get(left);
      const rightId = this.vocabulary.get(right);
      const id = this.vocabulary.get(left + right);
      if (leftId === undefined || rightId === undefined || id === undefined) {
        ignored += 1;
        continue;
      }
      this.pairs.add(leftId, rightId);
      this.mergedIds[added++] = id;
    }
    return ignored;
  }

  private encodeWord(word: string, ids: number[]): void {
    this.merger.clear();
    let afterUnknown = false;
    for (let start = 0; start < word.length;) {
      const code = word.codePointAt(start) as number;
      const length = code > 0xffff ? 2 : 1;
      const id = this.idOf(word, code, start, length);
      if (id !== unknownSymbol) {
        this.merger.add(id, start);
        afterUnknown = false;
      } else if (!this.addBytes(code, start)) {
        this.addUnknown(start, afterUnknown);
        afterUnknown = true;
      } else afterUnknown = false;
      start += length;
    }
    this.merger.run(this, word.length);
    for (let index = 0; index < this.merger.count; index += 1) ids.push(this.merger.ids[index] as number);
  }

  private idOf(word: string, code: number, start: number, length: number): number {
    if (code < tableCharacters) return this.singles[code] as number;
    return this.vocabulary.get(word.slice(start, start + length)) ?? unknownSymbol;
  }

  private addBytes(code: number, start: number): boolean {
    if (this.bytes === null) return false;
    const ids = this.fallbacks.get(code) ?? this.fallback(code, this.bytes);
    for (const id of ids) this.merger.add(id, start);
    return ids.length > 0;
  }

  /** The byte tokens of a character; none where the vocabulary lacks one of them. */
  private fallback(code: number, bytes: Int32Array): readonly number[] {
    const all = Array.from(utf8.encode(String.fromCodePoint(code)), (byte) => bytes[byte] as number);
    const ids = all.includes(unknownSymbol) ? [] : all;
    if (this.fallbacks.size >= cacheEntries) this.fallbacks.clear();
    this.fallbacks.set(code, ids);
    return ids;
  }

  private addUnknown(start: number, afterUnknown: boolean): void {
    const { unknown, fuseUnknown } = this.options;
    if (unknown !== null && !(fuseUnknown && afterUnknown)) this.merger.add(unknown, start);
  }
}
