import type { MeterFill } from './Meter.tsx';

/** How full a context is: calm, from 85 % a warning, full a danger. */
export function gaugeFill(used: number, limit: number): MeterFill {
  if (used >= limit) return 'danger';
  return used >= limit * 0.85 ? 'warn' : 'kv';
}
