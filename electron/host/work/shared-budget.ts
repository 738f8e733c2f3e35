/** Models that are open at once, and what each gets of what is free where its memory budget is automatic. */
import { availableParallelism } from 'node:os';
import type { OpenModel } from '../../contract/open-model.ts';
import type { MemoryBudget } from '../../contract/machine.ts';
import { engineBudget, type EngineBudget, type FreeMemory } from '../loaded/memory-budget.ts';
import type { Services } from '../services.ts';
import { openRequest, type OpenChoice } from './open-model.ts';

export interface OpenTogether {
  readonly path: string;
  readonly choice: OpenChoice & { readonly memoryBudget: MemoryBudget | null };
}

type Shared = Pick<Services, 'caches' | 'text'> & FreeMemory;

/**
 * What is free is shared evenly by those that can be streamed, and what one leaves of its share goes to the others; the rest take what they need
 * first. `context`: positions of the longest session of each.
 */
export async function openRequestsTogether(
  services: Shared,
  models: readonly OpenTogether[],
  context: number,
  signal: AbortSignal,
): Promise<OpenModel[]> {
  const budgets = await Promise.all(models.map(({ choice }) => engineBudget(services, choice.memoryBudget)));
  return Promise.all(
    models.map(async ({ path, choice }, index) => {
      const own = budgets[index]!;
      const { memoryBudget: free, isAuto } = own;
      if (!isAuto || free === null) return openRequest(path, { ...choice, memoryBudget: own }, services);
      const others = models.map((model, place) => ({ model, budget: budgets[place]! }));
      others.splice(index, 1);
      const sharing = { context, share: free / models.length, signal };
      const claims = await Promise.all(
        others.map(({ model, budget }) => claimOf(services, model, budget, sharing)),
      );
      const claimed = claims.reduce((sum, claim) => sum + claim, 0);
      const memoryBudget = Math.max(0, Math.floor(free - claimed));
      return openRequest(path, { ...choice, memoryBudget: { memoryBudget, isAuto } }, services);
    }),
  );
}

interface Sharing {
  readonly context: number;
  /** Of each. */
  readonly share: number;
  readonly signal: AbortSignal;
}

/** Bytes that a model beside the others takes before they get theirs. */
async function claimOf(
  { text }: Shared,
  { path, choice }: OpenTogether,
  { memoryBudget, isAuto }: EngineBudget,
  { context, share, signal }: Sharing,
): Promise<number> {
  if (!isAuto && memoryBudget !== null) return memoryBudget;
  const threads = choice.threads ?? availableParallelism();
  const asked = { path, context, kvCodec: choice.kvCodec ?? null, threads };
  // What cannot be told beforehand takes its share.
  const taken = await text.estimate(asked, signal).catch(() => null);
  if (taken === null) return share;
  const need = taken.weightsBytes + taken.kvBytes + taken.scratchBytes;
  return isAuto && taken.canStream ? Math.min(need, share) : need;
}
