/** What was read of the values of tensors, by the identity of the model: kept while the page is open, and read on while other screens are shown. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { PageContract } from '../../../electron/contract/page-contract.ts';
import type { Client } from '../../../electron/contract/rpc.ts';
import type { TensorOutcome } from '../../../electron/contract/tensor-statistics.ts';
import type { Outcomes } from './tensors.ts';

export interface StatisticsRun {
  /** The one tensor that is read; null: all that were not. */
  readonly name: string | null;
  readonly done: number;
  readonly total: number;
  readonly startedAt: number;
  /** Why it ended early; null: it goes on. */
  readonly error: string | null;
}

export interface StatisticsState {
  readonly outcomes: ReadonlyMap<string, Outcomes>;
  readonly runs: ReadonlyMap<string, StatisticsRun>;
}

export interface ReadModel {
  readonly id: string;
  readonly identity: string;
}

export interface StatisticsActions {
  /** In place of what is being read of this model. */
  readonly read: (model: ReadModel, names: readonly string[], name: string | null) => Promise<void>;
  /** Stops reading, or forgets why it failed; what was read stays. */
  readonly leave: (identity: string) => void;
}

export type StatisticsStore = StoreApi<StatisticsState> & { readonly actions: StatisticsActions };

const stores = new WeakMap<Client<PageContract>, StatisticsStore>();

/** One for all screens of a page. */
export function statisticsStore(client: Client<PageContract>): StatisticsStore {
  const known = stores.get(client);
  if (known) return known;
  const store = createStore<StatisticsState>(() => ({ outcomes: new Map(), runs: new Map() }));
  const made = Object.assign(store, { actions: statisticsActions(store, client) });
  stores.set(client, made);
  return made;
}

/** Thousands of small tensors come at once: the page is told of many together. */
const flushMs = 150;

function statisticsActions(
  store: StoreApi<StatisticsState>,
  client: Client<PageContract>,
): StatisticsActions {
  const calls = new Map<string, AbortController>();
  const setRun = (identity: string, change: (run: StatisticsRun | undefined) => StatisticsRun | null) =>
    store.setState(({ runs }) => {
      const run = change(runs.get(identity));
      const others = new Map(runs);
      if (run) others.set(identity, run);
      else others.delete(identity);
      return { runs: others };
    });
  const keep = (identity: string, read: TensorOutcome[]) => {
    if (read.length === 0) return;
    const told = read.splice(0).map((outcome) => [outcome.name, outcome] as const);
    store.setState(({ outcomes }) => ({
      outcomes: new Map(outcomes).set(identity, new Map([...(outcomes.get(identity) ?? []), ...told])),
    }));
  };
  return {
    async read({ id, identity }, names, name) {
      calls.get(identity)?.abort();
      const leaving = new AbortController();
      calls.set(identity, leaving);
      const { signal } = leaving;
      setRun(identity, () => ({ name, done: 0, total: 0, startedAt: Date.now(), error: null }));
      const read: TensorOutcome[] = [];
      let flushedAt = 0;
      try {
        const call = client.tensorStatistics({ id, identity, tensors: [...names] }, { signal });
        for await (const event of call.chunks) {
          if (signal.aborted) break;
          if (event.type !== 'progress') read.push(event);
          else setRun(identity, (run) => (run ? progressed(run, event.progress) : null));
          if (performance.now() - flushedAt < flushMs) continue;
          flushedAt = performance.now();
          keep(identity, read);
        }
        await call.done;
        if (!signal.aborted) setRun(identity, () => null);
      } catch (error) {
        const { message } = toLabError(error);
        if (!signal.aborted) setRun(identity, (run) => (run ? { ...run, error: message } : null));
      } finally {
        keep(identity, read);
      }
    },
    leave(identity) {
      calls.get(identity)?.abort();
      setRun(identity, () => null);
    },
  };
}

function progressed(run: StatisticsRun, { done, total }: { done: number; total: number }): StatisticsRun {
  return { ...run, done, total };
}
