/** Slots of equal length in time, the latest `capacity` of them; those before are forgotten as time goes on. */
export class TimeSlots<Slot> {
  readonly slotMs: number;
  readonly #slots: ({ readonly index: number; readonly slot: Slot } | undefined)[];
  readonly #make: () => Slot;

  constructor(capacity: number, slotMs: number, make: () => Slot) {
    this.#slots = new Array<undefined>(capacity).fill(undefined);
    this.slotMs = slotMs;
    this.#make = make;
  }

  get capacity(): number {
    return this.#slots.length;
  }

  /** The slot of that time, made where it is new; null where it is older than what the ring holds now. */
  at(timeMs: number): Slot | null {
    const index = Math.floor(timeMs / this.slotMs);
    const place = index % this.capacity;
    const held = this.#slots[place];
    if (held?.index === index) return held.slot;
    if (held && held.index > index) return null;
    const slot = this.#make();
    this.#slots[place] = { index, slot };
    return slot;
  }

  /** The `capacity` slots up to that time, oldest first; undefined where nothing came. */
  upTo(timeMs: number): { readonly startMs: number; readonly slot: Slot | undefined }[] {
    const last = Math.floor(timeMs / this.slotMs);
    return Array.from({ length: this.capacity }, (_, offset) => {
      const index = last - this.capacity + 1 + offset;
      const held = this.#slots[((index % this.capacity) + this.capacity) % this.capacity];
      return { startMs: index * this.slotMs, slot: held?.index === index ? held.slot : undefined };
    });
  }

  clear(): void {
    this.#slots.fill(undefined);
  }
}
