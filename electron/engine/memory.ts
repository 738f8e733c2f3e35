import { readFileSync } from 'node:fs';
import type { Memory } from '../contract/open-model.ts';

/** What engine, session and opening know of this process' memory. */
type Known = Pick<Memory, 'weightsBytes' | 'kvBytes' | 'residentBeforeOpenBytes' | 'baselineBytes'>;

export function processMemory(known: Known): Memory {
  const residentBytes = residentBytesNow();
  return { residentBytes, ...known, peakBytes: Math.max(peakBytes(), residentBytes) };
}

export function residentBytesNow(): number {
  return process.memoryUsage.rss();
}

/** VmHWM on Linux: the most memory the process ever held. Elsewhere getrusage's figure. */
export function peakBytes(): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    if (match) return Number(match[1]) * 1024;
  } catch {
    // No /proc here.
  }
  return process.resourceUsage().maxRSS * 1024;
}

interface CollectOptions {
  readonly type: 'major';
  readonly execution: 'sync';
  /** Also what is only kept for speed; empty pages go back to the system. */
  readonly flavor: 'last-resort';
}

/**
 * Gives back what loading left: the texts of a vocabulary's file take many times its size until then. It takes some ten milliseconds, and
 * does nothing where the process was started without --expose-gc.
 */
export function collectGarbage(): void {
  const { gc } = globalThis as { gc?: (options: CollectOptions) => void };
  gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
