/** Whether a model fits, in figures and words. Pure. */
import type { Fit } from '../../../electron/contract/machine.ts';
import { formatBytes, formatNumber, formatRate } from '../../ui/format.ts';

export const overBytes = ({ totalBytes, freeBytes }: Fit): number => Math.max(0, totalBytes - freeBytes);

export interface FitBar {
  /** What the whole bar stands for. */
  readonly scaleBytes: number;
  /** Where what is free ends, 0 to 1; null: beyond the bar. */
  readonly freeShare: number | null;
  readonly totalShare: number;
}

/** A small model on a large machine would be a sliver: then the bar is a part of what is free. */
const mostRoom = 4;

export function fitBar(fit: Fit): FitBar {
  const budgetBytes = fit.streaming?.memoryBudgetBytes ?? 0;
  const whole = Math.max(fit.totalBytes, fit.freeBytes, budgetBytes) * 1.08;
  const scaleBytes = Math.min(whole, fit.totalBytes * mostRoom);
  return {
    scaleBytes,
    freeShare: fit.freeBytes <= scaleBytes ? fit.freeBytes / scaleBytes : null,
    totalShare: fit.totalBytes / scaleBytes,
  };
}

/** Measured against predicted, such as "+3 %". */
export function differenceText(predicted: number, measured: number): string {
  const percent = Math.round((measured / predicted - 1) * 100);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : ''}${formatNumber(percent)} %`;
}

/** Compared only where it was measured with this context. */
export function measuredText({ measured, totalBytes, context }: Fit): string | null {
  if (!measured) return null;
  const { readBytesPerToken, hitRate } = measured;
  const rate = `${formatRate(measured.tokensPerSecond)} tokens/s, ${formatBytes(measured.totalBytes)}`;
  const read = readBytesPerToken === null ? '' : `, ${formatBytes(readBytesPerToken)} read a token`;
  const hits = hitRate === null ? '' : `, ${formatNumber(hitRate * 100)} % hits`;
  const used = `with ${formatNumber(measured.usedContext)} of ${formatNumber(measured.context)} tokens used`;
  const isComparable = measured.context === context && measured.usedContext >= context * 0.9;
  return isComparable
    ? `${rate} (${differenceText(totalBytes, measured.totalBytes)})${read}${hits} ${used}`
    : `${rate}${read}${hits} ${used}`;
}

/** What to do where it does not fit; null: it fits. */
export function adviceFor(fit: Fit, precisions: readonly Fit[]): string | null {
  if (fit.fits) return null;
  const over = `${formatBytes(overBytes(fit))} more than is free`;
  // A streamed model takes what its budget says, whatever the precision, down to its least.
  if (fit.streaming && fit.streaming.memoryBudgetBytes > fit.streaming.minimumMemoryBudgetBytes)
    return `It takes ${over}. A smaller memory budget makes room: more is then read from flash.`;
  if (precisions.some(({ fits }) => fits))
    return `It takes ${over}. Keys and values of a lower precision make room.`;
  if (fit.largestContext > 0) {
    return `It takes ${over}. A context of ${formatNumber(fit.largestContext)} tokens fits.`;
  }
  return `It takes ${over}: the weights alone do not fit. Close other programs, or choose a smaller model.`;
}
