import type { MemoryReading } from '../../../electron/contract/machine.ts';

export const modelBytes = ({ weightsBytes, kvBytes, scratchBytes }: MemoryReading): number =>
  weightsBytes + kvBytes + scratchBytes;

/** How much further models may grow: what is free, less the 1 GiB or the tenth that stays the system's. */
export const roomBytes = ({ systemFreeBytes, systemBytes }: MemoryReading): number =>
  Math.max(0, systemFreeBytes - Math.max(1024 ** 3, systemBytes / 10));
