/** Another memory budget for the model in memory: it goes on whatever screen is shown. */
import type { StoreApi } from 'zustand/vanilla';
import { toLabError } from '../../electron/contract/errors.ts';
import type { MemoryBudget } from '../../electron/contract/machine.ts';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { loadedBudget } from '../features/models/streaming.ts';
import type { AppState } from './app-store.ts';

export interface BudgetChange {
  readonly model: string;
  readonly budget: MemoryBudget;
  /** What held when it began; null: the model is not streamed. */
  readonly before: MemoryBudget | null;
  readonly startedAt: number;
  /** Why it was not changed; null: it is being changed. */
  readonly error: string | null;
}

export interface BudgetActions {
  /** Gives the loaded model another budget, without loading it again. */
  readonly changeBudget: (model: string, budget: MemoryBudget) => Promise<void>;
  /** Gives up what `changeBudget` began, or forgets why it failed. */
  readonly leaveBudget: () => void;
}

export function budgetActions(
  { getState, setState }: StoreApi<AppState>,
  client: Client<PageContract>,
): BudgetActions {
  let call = new AbortController();
  const running = () => {
    const { budgetChange } = getState();
    return budgetChange?.error === null ? budgetChange : null;
  };
  return {
    async changeBudget(model, budget) {
      const before = running()?.before ?? loadedBudget(getState().engine);
      call.abort();
      const { signal } = (call = new AbortController());
      const change = { model, budget, before, startedAt: Date.now() };
      setState({ budgetChange: { ...change, error: null } });
      try {
        await client.setMemoryBudget({ memoryBudget: budget }, { signal });
        if (!signal.aborted) setState({ budgetChange: null });
      } catch (error) {
        const { message } = toLabError(error);
        if (!signal.aborted) setState({ budgetChange: { ...change, error: message } });
      }
    },
    leaveBudget() {
      const before = running()?.before ?? null;
      call.abort();
      setState({ budgetChange: null });
      // An engine that had begun already goes back. Another model that was loaded meanwhile has a budget of its own.
      if (before !== null) client.setMemoryBudget({ memoryBudget: before }).catch(() => undefined);
    },
  };
}
