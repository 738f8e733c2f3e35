import type { MemoryReading } from '../../../electron/contract/machine.ts';

export const modelBytes = ({ weightsBytes, kvBytes, scratchBytes }: MemoryReading): number =>
  weightsBytes + kvBytes + scratchBytes;

/** How much further models may grow. */
export const roomBytes = ({ systemFreeBytes, reserveBytes }: MemoryReading): number =>
  Math.max(0, systemFreeBytes - reserveBytes);

/** What the model in memory may have: its budget, or without one what there is. */
export const allowedBytes = (reading: MemoryReading): number =>
  reading.memoryBudgetBytes ?? modelBytes(reading) + roomBytes(reading);
