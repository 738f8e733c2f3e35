const emptySlot = 0;

/**
 * Maps a pair of token ids to the index of its merge: open addressing over typed arrays, because half a million merges in a Map of
 * strings take seconds to build and hundreds of megabytes.
 */
export class PairTable {
  readonly lefts: Int32Array;
  readonly rights: Int32Array;
  private readonly slots: Int32Array;
  private readonly mask: number;
  private size = 0;

  constructor(capacity: number) {
    this.lefts = new Int32Array(capacity);
    this.rights = new Int32Array(capacity);
    const slots = 2 ** Math.ceil(Math.log2(Math.max(capacity * 2, 2)));
    this.slots = new Int32Array(slots);
    this.mask = slots - 1;
  }

  /** Adds a pair under the next index; a pair that is there already keeps its lower index. */
  add(left: number, right: number): void {
    const index = this.size++;
    this.lefts[index] = left;
    this.rights[index] = right;
    const slot = this.slotOf(left, right);
    if (this.slots[slot] === emptySlot) this.slots[slot] = index + 1;
  }

  /** Index of a pair, or −1. */
  find(left: number, right: number): number {
    return (this.slots[this.slotOf(left, right)] as number) - 1;
  }

  private slotOf(left: number, right: number): number {
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & this.mask;
    for (;;) {
      const index = (this.slots[slot] as number) - 1;
      if (index < 0 || (this.lefts[index] === left && this.rights[index] === right)) return slot;
      slot = (slot + 1) & this.mask;
    }
  }
}
