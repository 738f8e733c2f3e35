/** Axis ends and steps that people read at a glance: 1, 2 or 5 times a power of ten. */

export interface Axis {
  readonly top: number;
  /** Ascending, without 0, up to `top`. */
  readonly ticks: readonly number[];
}

/** An axis from 0 that holds `max`, with about `steps` ticks. */
export function axisFor(max: number, steps = 4): Axis {
  if (!(max > 0) || !Number.isFinite(max)) return { top: 1, ticks: [1] };
  const step = niceStep(max / steps);
  const count = Math.ceil(max / step - 1e-9);
  const ticks = Array.from({ length: count }, (_, index) => cleaned((index + 1) * step));
  return { top: ticks.at(-1) ?? step, ticks };
}

export interface ByteUnit {
  readonly name: 'KiB' | 'MiB' | 'GiB';
  readonly bytes: number;
}

/** The unit in which an amount of this size is written. */
export function byteUnit(bytes: number): ByteUnit {
  if (bytes >= 1024 ** 3) return { name: 'GiB', bytes: 1024 ** 3 };
  if (bytes >= 1024 ** 2) return { name: 'MiB', bytes: 1024 ** 2 };
  return { name: 'KiB', bytes: 1024 };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const fraction = rough / power;
  if (fraction <= 1) return power;
  if (fraction <= 2) return 2 * power;
  if (fraction <= 5) return 5 * power;
  return 10 * power;
}

/** Without the last digits that only binary fractions have. */
function cleaned(value: number): number {
  return Number(value.toPrecision(12));
}
