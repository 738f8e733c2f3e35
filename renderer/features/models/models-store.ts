/** What the Models screen knows of the chosen model: its headers, and what loading it would take with these settings. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { KvCodec, ModelSummary } from '../../../electron/contract/engine-contract.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { Fit, LoadSettings } from '../../../electron/contract/machine.ts';
import type { PageContract } from '../../../electron/contract/page-contract.ts';
import type { Client } from '../../../electron/contract/rpc.ts';
import type { Answer } from '../../ipc/use-answer.ts';

export interface ModelsState {
  readonly chosen: string | null;
  /** By model; kept, because headers do not change while the screen is shown. */
  readonly summaries: ReadonlyMap<string, Answer<ModelSummary>>;
  readonly settings: LoadSettings;
  readonly fit: Answer<Fit>;
  /** A setting changed since `fit` was computed. */
  readonly isRepricing: boolean;
  /** The same context with each precision of keys and values, as far as they can be priced. */
  readonly precisions: readonly Fit[];
}

export interface ModelsActions {
  /** Reads its headers and prices it. */
  readonly choose: (id: string | null, settings?: LoadSettings) => void;
  /** Reads the headers again. */
  readonly inspect: (id: string) => Promise<void>;
  readonly setSettings: (change: Partial<LoadSettings>) => void;
  /** The machine or the model in memory changed. */
  readonly reprice: () => void;
}

export type ModelsStore = StoreApi<ModelsState> & { readonly actions: ModelsActions };

export const retortsChoice: LoadSettings = { context: null, kvCodec: null, threads: null };
export const kvCodecs: readonly KvCodec[] = ['f32', 'f16', 'q8'];

export function createModelsStore(client: Client<PageContract>): ModelsStore {
  const store = createStore<ModelsState>(() => ({
    chosen: null,
    summaries: new Map(),
    settings: retortsChoice,
    fit: null,
    isRepricing: false,
    precisions: [],
  }));
  return Object.assign(store, { actions: modelsActions(store, client) });
}

function modelsActions(store: StoreApi<ModelsState>, client: Client<PageContract>): ModelsActions {
  const { getState, setState } = store;
  const pricing = new Pricing(store, client);
  async function inspect(id: string): Promise<void> {
    setSummary(store, id, null);
    try {
      setSummary(store, id, { value: await client.inspectModel({ id }) });
    } catch (error) {
      setSummary(store, id, { error: toLabError(error).message });
    }
  }
  return {
    inspect,
    choose(id, settings = retortsChoice) {
      setState({ chosen: id, settings, fit: null, precisions: [] });
      if (id === null) return pricing.stop();
      if (!getState().summaries.has(id)) void inspect(id);
      pricing.begin();
    },
    setSettings(change) {
      setState(({ settings }) => ({ settings: { ...settings, ...change } }));
      pricing.begin();
    },
    reprice() {
      if (getState().chosen !== null) pricing.begin();
    },
  };
}

function setSummary(store: StoreApi<ModelsState>, id: string, answer: Answer<ModelSummary>): void {
  store.setState(({ summaries }) => ({ summaries: new Map(summaries).set(id, answer) }));
}

/** Asks for the price of the latest settings: one question at a time, those in between are never asked. */
class Pricing {
  readonly #store: StoreApi<ModelsState>;
  readonly #client: Client<PageContract>;
  #asking: AbortController | null = null;

  constructor(store: StoreApi<ModelsState>, client: Client<PageContract>) {
    this.#store = store;
    this.#client = client;
  }

  begin(): void {
    this.stop();
    const asking = new AbortController();
    this.#asking = asking;
    this.#store.setState({ isRepricing: true });
    void this.#ask(asking.signal);
  }

  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { chosen, settings } = this.#store.getState();
    if (chosen === null) return;
    try {
      const fit = await this.#client.estimateFit({ id: chosen, settings }, { signal });
      if (signal.aborted) return;
      this.#store.setState({ fit: { value: fit }, isRepricing: false });
      const precisions = await this.#pricePrecisions(chosen, { ...settings, context: fit.context }, signal);
      if (!signal.aborted) this.#store.setState({ precisions });
    } catch (error) {
      if (signal.aborted) return;
      this.#store.setState({ fit: { error: toLabError(error).message }, isRepricing: false, precisions: [] });
    }
  }

  /** A precision that the model's engine does not have is left out. */
  async #pricePrecisions(id: string, settings: LoadSettings, signal: AbortSignal): Promise<Fit[]> {
    const answers = await Promise.allSettled(
      kvCodecs.map((kvCodec) =>
        this.#client.estimateFit({ id, settings: { ...settings, kvCodec } }, { signal }),
      ),
    );
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }
}
