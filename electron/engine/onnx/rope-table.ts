/**
 * Rows of cos and sin by storage slot. Each evaluated token's row is computed in float64 from its position, or from its three positions
 * where the rope has sections (mrope), and kept at its slot: GroupQueryAttention then rotates slot i by row i, whatever the positions were.
 */
import { frequenciesForContext } from '../../../models/families/rope.ts';
import type { RopeSpec } from '../../../models/families/model-spec.ts';

const firstRows = 256;

export class RopeTable {
  /** Columns of a row: half the rotated dimensions. */
  readonly half: number;
  readonly #inverse: readonly number[];
  readonly #magnitude: number;
  /** Position axis of each frequency. */
  readonly #axis: Uint8Array;
  #cos: Float32Array = new Float32Array(0);
  #sin: Float32Array = new Float32Array(0);

  constructor(inverse: readonly number[], magnitude: number, axis: Uint8Array) {
    this.half = inverse.length;
    this.#inverse = inverse;
    this.#magnitude = magnitude;
    this.#axis = axis;
  }

  get rows(): number {
    return this.#cos.length / this.half;
  }

  /** rows × half. */
  get cos(): Float32Array {
    return this.#cos;
  }

  get sin(): Float32Array {
    return this.#sin;
  }

  /** Writes the row of `slot`; `position(axis)` gives the token's position on an axis. */
  write(slot: number, position: (axis: number) => number): void {
    if (slot >= this.rows) this.#grow(Math.max(slot + 1, 2 * this.rows, firstRows));
    for (let i = 0; i < this.half; i++) {
      const angle = position(this.#axis[i]!) * this.#inverse[i]!;
      this.#cos[slot * this.half + i] = Math.cos(angle) * this.#magnitude;
      this.#sin[slot * this.half + i] = Math.sin(angle) * this.#magnitude;
    }
  }

  /** Replaces all rows, e.g. by saved ones. */
  adopt(cos: Float32Array, sin: Float32Array): void {
    this.#cos = cos;
    this.#sin = sin;
  }

  fork(): RopeTable {
    const copy = new RopeTable(this.#inverse, this.#magnitude, this.#axis);
    copy.adopt(this.#cos.slice(), this.#sin.slice());
    return copy;
  }

  #grow(rows: number): void {
    const [cos, sin] = [new Float32Array(rows * this.half), new Float32Array(rows * this.half)];
    cos.set(this.#cos);
    sin.set(this.#sin);
    this.adopt(cos, sin);
  }
}

/** The table of a session that may hold `context` positions; `factors` gives the values of a rope factor weight. */
export function createRopeTable(
  rope: RopeSpec,
  context: number,
  factors: (weight: string) => Float32Array,
): RopeTable {
  const { inverse, magnitude, factorsWeight } = frequenciesForContext(rope, context);
  const divisors = factorsWeight === null ? null : factors(factorsWeight);
  const divided = divisors ? inverse.map((value, i) => value / divisors[i]!) : inverse;
  return new RopeTable(divided, magnitude, axes(rope.sections, divided.length));
}

/** Frequencies are dealt to the position axes section by section. */
function axes(sections: readonly number[] | null, half: number): Uint8Array {
  const axis = new Uint8Array(half);
  let next = 0;
  sections?.forEach((size, index) => {
    axis.fill(index, next, next + size);
    next += size;
  });
  return axis;
}
