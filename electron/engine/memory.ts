import { readFileSync } from 'node:fs';
import type { Memory } from '../contract/engine-contract.ts';

/** Memory of this process; `weightsBytes` and `kvBytes` as the engine and its session count them. */
export function processMemory(weightsBytes: number, kvBytes: number): Memory {
  const residentBytes = process.memoryUsage.rss();
  return { residentBytes, weightsBytes, kvBytes, peakBytes: Math.max(peakBytes(), residentBytes) };
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
