/**
 * Greedy merging of neighbouring symbols, the lowest rank first and the leftmost among equals: what byte-pair encoding
 * (Sennrich et al. 2016, arXiv:1508.07909) and SentencePiece's BPE (arXiv:1808.06226) have in common. A heap of candidate pairs over a linked
 * list makes it O(n log n), so that one very long word cannot stall it.
 */

/** Says which neighbours may merge. `handle` is any number ≥ 0 that the rule understands. */
export interface MergeRule {
  /** Handle of the merge of symbols with ids `left` and `right`, which together are the text from `start` to `end`; −1: none. */
  find(left: number, right: number, start: number, end: number): number;
  /** Lower merges first. Below 2^27. */
  rank(handle: number): number;
  /** Id of the merged symbol. */
  id(handle: number): number;
}

/** Candidates are packed as rank · 2^26 + position into one double. */
const positionLimit = 2 ** 26;
const merged = -2;
const none = -1;

/** A symbol that is no token. */
export const unknownSymbol = -1;

/** Holds the symbols of one text; reused from text to text. */
export class Merger {
  /** Token id of each symbol, or `unknownSymbol`. */
  ids = new Int32Array(256);
  /** Where each symbol's text starts. */
  starts = new Int32Array(256);
  count = 0;
  private previous = new Int32Array(256);
  private next = new Int32Array(256);
  private heap = new Float64Array(512);
  private heapSize = 0;
  private end = 0;

  clear(): void {
    this.count = 0;
  }

  add(id: number, start: number): void {
    if (this.count === this.ids.length) this.grow();
    this.ids[this.count] = id;
    this.starts[this.count] = start;
    this.count += 1;
  }

  /** Where the text of symbol `index` ends. */
  endOf(index: number): number {
    return index + 1 < this.count ? (this.starts[index + 1] as number) : this.end;
  }

  /** Merges until no pair is left; `ids`, `starts` and `count` then hold the result. `end` is where the text ends. */
  run(rule: MergeRule, end: number): void {
    this.end = end;
    if (this.count >= positionLimit) throw new RangeError('too many symbols in one word');
    this.link();
    for (let index = 0; index + 1 < this.count; index += 1) this.offer(index, rule);
    while (this.heapSize > 0) {
      const key = this.pop();
      const position = key % positionLimit;
      this.mergeAt(position, (key - position) / positionLimit, rule);
    }
    this.compact();
  }

  private link(): void {
    for (let index = 0; index < this.count; index += 1) {
      this.previous[index] = index - 1;
      this.next[index] = index + 1 < this.count ? index + 1 : none;
    }
  }

  private find(position: number, rule: MergeRule): number {
    const right = this.next[position] as number;
    if (right === none) return none;
    const after = this.next[right] as number;
    const end = after === none ? this.end : (this.starts[after] as number);
    return rule.find(
      this.ids[position] as number,
      this.ids[right] as number,
      this.starts[position] as number,
      end,
    );
  }

  private offer(position: number, rule: MergeRule): void {
    const handle = this.find(position, rule);
    if (handle !== none) this.push(rule.rank(handle) * positionLimit + position);
  }

  /** A candidate is stale when its left symbol is gone or the pair there now has another rank. */
  private mergeAt(position: number, rank: number, rule: MergeRule): void {
    if (this.ids[position] === merged) return;
    const handle = this.find(position, rule);
    if (handle === none || rule.rank(handle) !== rank) return;
    const right = this.next[position] as number;
    const after = this.next[right] as number;
    this.ids[position] = rule.id(handle);
    this.ids[right] = merged;
    this.next[position] = after;
    if (after !== none) this.previous[after] = position;
    const before = this.previous[position] as number;
    if (before !== none) this.offer(before, rule);
    this.offer(position, rule);
  }

  private compact(): void {
    let kept = 0;
    for (let index = 0; index < this.count; index += 1) {
      if (this.ids[index] === merged) continue;
      this.ids[kept] = this.ids[index] as number;
      this.starts[kept] = this.starts[index] as number;
      kept += 1;
    }
    this.count = kept;
  }

  private push(key: number): void {
    if (this.heapSize === this.heap.length) this.heap = enlarged(this.heap, Float64Array);
    let child = this.heapSize++;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = this.heap[parent] as number;
      if (above <= key) break;
      this.heap[child] = above;
      child = parent;
    }
    this.heap[child] = key;
  }

  private pop(): number {
    const top = this.heap[0] as number;
    const last = this.heap[--this.heapSize] as number;
    let parent = 0;
    for (let child = 1; child < this.heapSize; child = 2 * parent + 1) {
      const other = child + 1;
      if (other < this.heapSize && (this.heap[other] as number) < (this.heap[child] as number)) child = other;
      if ((this.heap[child] as number) >= last) break;
      this.heap[parent] = this.heap[child] as number;
      parent = child;
    }
    this.heap[parent] = last;
    return top;
  }

  private grow(): void {
    this.ids = enlarged(this.ids, Int32Array);
    this.starts = enlarged(this.starts, Int32Array);
    this.previous = new Int32Array(this.ids.length);
    this.next = new Int32Array(this.ids.length);
  }
}

function enlarged<T extends Int32Array | Float64Array>(array: T, type: new (length: number) => T): T {
  const larger = new type(array.length * 2);
  larger.set(array);
  return larger;
}
