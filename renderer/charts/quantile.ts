/** The smallest value that at least the share `q` of the values does not exceed (nearest rank); NaN of none. `values` ascend. */
export function quantileOfSorted(values: ArrayLike<number>, q: number): number {
  if (values.length === 0) return NaN;
  const rank = Math.ceil(q * values.length) - 1;
  return values[Math.min(values.length - 1, Math.max(0, rank))] ?? NaN;
}

export function sorted(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort();
}
