/** How much memory a streamed model may take: what a person chose, or what is free. */
import type { Streaming } from '../../contract/streaming.ts';
import type { MemoryBudget } from '../../contract/machine.ts';
import type { MemoryReader } from '../memory/memory-reader.ts';
import type { Services } from '../services.ts';

/** As engines take it. */
export interface EngineBudget {
  /** Bytes; null: whatever is needed. */
  readonly memoryBudget: number | null;
  /** For packs alone, raised to what the model needs, and it shrinks where memory gets short. */
  readonly isAuto: boolean;
}

export interface FreeMemory {
  readonly memory: Pick<MemoryReader, 'freeForModels'>;
}

/** For models beside the loaded one, which keeps what it has. */
export const besideLoaded = (memory: Pick<MemoryReader, 'freeBeside'>): FreeMemory => ({
  memory: { freeForModels: () => Promise.resolve(memory.freeBeside()) },
});

/** Models that are streamed are few; those of the latest choices are kept. */
const mostKept = 100;

/** Auto: what is free for a model now, less the reserve, with what the loaded model would give back. Null: whatever is needed. */
export async function engineBudget(
  { memory }: FreeMemory,
  choice: MemoryBudget | null,
): Promise<EngineBudget> {
  if (choice !== 'auto') return { memoryBudget: choice, isAuto: false };
  const { freeBytes } = await memory.freeForModels();
  return { memoryBudget: Math.floor(freeBytes), isAuto: true };
}

/** Weights in memory and the buffers of those that are read. */
export function heldBytes({
  pinnedBytes,
  ringBytes,
  lookupBytes,
  slots,
  slotBytes,
}: Pick<Streaming, 'pinnedBytes' | 'ringBytes' | 'lookupBytes' | 'slots' | 'slotBytes'>): number {
  return pinnedBytes + ringBytes + lookupBytes + slots * slotBytes;
}

/** The next loading of the model begins with it. */
export async function keepBudget(
  { settings }: Pick<Services, 'settings'>,
  id: string,
  choice: MemoryBudget,
): Promise<void> {
  await settings.change(({ memoryBudgets: { [id]: _before, ...others } }) => {
    const kept = Object.entries(others).slice(1 - mostKept);
    return { memoryBudgets: { ...Object.fromEntries(kept), [id]: choice } };
  });
}
