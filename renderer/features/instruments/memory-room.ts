import type { MemoryReading } from '../../../electron/contract/machine.ts';

/** What the engine's runtime took before its model: beside the budget, not in it. */
export const runtimeBytes = ({ baselineBytes, scratchBytes }: MemoryReading): number =>
  Math.min(baselineBytes ?? 0, scratchBytes);

/** The engine process beyond weights, KV and its runtime. */
export const ownScratchBytes = (reading: MemoryReading): number =>
  reading.scratchBytes - runtimeBytes(reading);

export const modelBytes = (reading: MemoryReading): number =>
  reading.weightsBytes + reading.kvBytes + ownScratchBytes(reading);

/** How much further models may grow. */
export const roomBytes = ({ systemFreeBytes, reserveBytes }: MemoryReading): number =>
  Math.max(0, systemFreeBytes - reserveBytes);

/** What the model in memory may have: its budget, or without one what there is. */
export const allowedBytes = (reading: MemoryReading): number =>
  reading.memoryBudgetBytes ?? modelBytes(reading) + roomBytes(reading);
