/** What the Models screen knows of the chosen model: its headers, and what loading it would take with these settings. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { type ModelSummary } from '../../../electron/contract/model-summary.ts';
import { KvCodec } from '../../../electron/contract/open-model.ts';
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
  /** The latest price of this model, also where `fit` refuses one: its knobs stay. */
  readonly lastFit: Fit | null;
  /** The least memory budget, where `fit` refuses one below it. */
  readonly leastBudget: number | null;
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

export const retortsChoice: LoadSettings = {
  context: null,
  kvCodec: null,
  threads: null,
  memoryBudget: null,
};

export function createModelsStore(client: Client<PageContract>): ModelsStore {
  const store = createStore<ModelsState>(() => ({
    chosen: null,
    summaries: new Map(),
    settings: retortsChoice,
    fit: null,
    lastFit: null,
    leastBudget: null,
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
      setState({ chosen: id, settings, fit: null, lastFit: null, leastBudget: null, precisions: [] });
      pricing.stop();
      if (id === null) return;
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

/**
 * Prices the latest settings: one question at a time, so that a knob that is dragged is priced as fast as prices come; settings in between
 * are never asked for. The other precisions wait until the knobs rest.
 */
class Pricing {
  readonly #store: StoreApi<ModelsState>;
  readonly #client: Client<PageContract>;
  #isWanted = false;
  #isAsking = false;
  #ofModel = new AbortController();
  #ofPrecisions = new AbortController();

  constructor(store: StoreApi<ModelsState>, client: Client<PageContract>) {
    this.#store = store;
    this.#client = client;
  }

  begin(): void {
    this.#isWanted = true;
    this.#ofPrecisions.abort();
    if (!this.#isAsking) void this.#askWhileWanted();
  }

  /** Another model is shown, or none. */
  stop(): void {
    this.#isWanted = false;
    this.#ofModel.abort();
    this.#ofPrecisions.abort();
    this.#ofModel = new AbortController();
  }

  async #askWhileWanted(): Promise<void> {
    this.#isAsking = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      const { chosen, settings } = this.#store.getState();
      if (chosen !== null) await this.#ask(chosen, settings, this.#ofModel.signal);
    }
    this.#isAsking = false;
  }

  async #ask(id: string, settings: LoadSettings, signal: AbortSignal): Promise<void> {
    try {
      const fit = await this.#client.estimateFit({ id, settings }, { signal });
      if (signal.aborted) return;
      this.#store.setState({ fit: { value: fit }, lastFit: fit, leastBudget: null });
      if (!this.#isWanted) void this.#askPrecisions(id, { ...settings, context: fit.context }, fit);
    } catch (error) {
      if (signal.aborted) return;
      const { message, detail } = toLabError(error);
      const { minimumBytes } = detail;
      this.#store.setState({
        fit: { error: message },
        leastBudget: typeof minimumBytes === 'number' ? minimumBytes : null,
        precisions: [],
      });
    }
  }

  /** A precision that the model's engine does not have is left out. */
  async #askPrecisions(id: string, settings: LoadSettings, current: Fit): Promise<void> {
    this.#ofPrecisions.abort();
    const { signal } = (this.#ofPrecisions = new AbortController());
    const priced = [current];
    for (const kvCodec of KvCodec.options) {
      if (kvCodec === current.kvCodec) continue;
      const answer = this.#client.estimateFit({ id, settings: { ...settings, kvCodec } }, { signal });
      const fit = await answer.catch(() => null);
      if (signal.aborted) return;
      if (fit) priced.push(fit);
    }
    this.#store.setState({ precisions: priced });
  }
}
