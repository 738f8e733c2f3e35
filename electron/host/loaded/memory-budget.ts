/** How much memory a streamed model may take: what a person chose, or what is free. */
import type { MemoryBudget } from '../../contract/machine.ts';
import type { Services } from '../services.ts';

/** As engines take it. */
export interface EngineBudget {
  /** Bytes; null: all weights in memory. */
  readonly memoryBudget: number | null;
  /** It shrinks where memory gets short. */
  readonly isAuto: boolean;
}

/** Models that are streamed are few; those of the latest choices are kept. */
const mostKept = 100;

/** Null is auto: what is free for a model now, less the reserve, with what the loaded model would give back. */
export async function engineBudget(
  { memory }: Pick<Services, 'memory'>,
  choice: MemoryBudget | null,
): Promise<EngineBudget> {
  if (typeof choice === 'number') return { memoryBudget: choice, isAuto: false };
  const { freeBytes } = await memory.freeForModels();
  return { memoryBudget: Math.floor(freeBytes), isAuto: true };
}

/** The next loading of the model begins with it. */
export async function keepBudget(
  { settings }: Pick<Services, 'settings'>,
  id: string,
  choice: MemoryBudget,
): Promise<void> {
  const { [id]: _before, ...others } = (await settings.read()).memoryBudgets;
  const kept = Object.entries(others).slice(1 - mostKept);
  await settings.change({ memoryBudgets: { ...Object.fromEntries(kept), [id]: choice } });
}
