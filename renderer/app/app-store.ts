/** What every screen shares: the host's start and its events, the model in memory, settings, notices, the list of models. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { toLabError } from '../../electron/contract/errors.ts';
import type { LoadSettings, LoadState, MemoryReading, PageModel } from '../../electron/contract/machine.ts';
import type { AppEvent, Notice, PageContract, Start } from '../../electron/contract/page-contract.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { Settings, type SettingsChange } from '../../electron/contract/settings.ts';
import type { ConnectionState } from '../ipc/host-connection.ts';
import type { FlashReads } from '../features/instruments/flash-reads.ts';
import { showToast } from '../ui/toasts.ts';
import { budgetActions, type BudgetActions, type BudgetChange } from './budget-change.ts';

export interface AppState {
  readonly connection: ConnectionState;
  /** Null until the host has told it. */
  readonly machine: Pick<Start, 'version' | 'platform' | 'cores'> | null;
  readonly settings: Settings;
  readonly engine: LoadState;
  readonly notices: readonly Notice[];
  /** Null until they are read. */
  readonly models: readonly PageModel[] | null;
  /** Why `models` could not be read. */
  readonly modelsError: string | null;
  /** The latest reading, once a second while the page is seen. */
  readonly memory: MemoryReading | null;
  /** Of the reply that is being written, now; null: none. */
  readonly tokensPerSecond: number | null;
  /** Of the latest steps of the model in memory; null: none told what it read. */
  readonly flashReads: FlashReads | null;
  /** What the next turn would hold in the context, as far as it is counted; null: not known. */
  readonly contextTokens: number | null;
  /** Another budget that the loaded model is being given, or why it was not. */
  readonly budgetChange: BudgetChange | null;
}

export interface AppActions extends BudgetActions {
  readonly changeSettings: (change: SettingsChange) => Promise<void>;
  readonly dismissNotice: (id: string) => Promise<void>;
  readonly loadModel: (id: string, settings?: LoadSettings, force?: boolean) => Promise<void>;
  readonly unloadModel: () => Promise<void>;
  readonly readModels: () => Promise<void>;
  /** What the next turn would hold in the context. */
  readonly showContextTokens: (tokens: number) => void;
}

export type AppStore = StoreApi<AppState> & { readonly actions: AppActions };

const noChoice: LoadSettings = { context: null, kvCodec: null, threads: null, memoryBudget: null };

export function createAppStore(client: Client<PageContract>): AppStore {
  const store = createStore<AppState>(() => ({
    connection: { phase: 'connecting' },
    machine: null,
    settings: Settings.parse({}),
    engine: { state: 'none' },
    notices: [],
    models: null,
    modelsError: null,
    memory: null,
    tokensPerSecond: null,
    flashReads: null,
    contextTokens: null,
    budgetChange: null,
  }));
  return Object.assign(store, { actions: appActions(store, client) });
}

function appActions(store: StoreApi<AppState>, client: Client<PageContract>): AppActions {
  const { setState, getState } = store;
  return {
    ...budgetActions(store, client),
    async changeSettings(change) {
      const before = getState().settings;
      setState({ settings: changed(before, change) }); // at once; the host's answer is what stays
      await told(async () => setState({ settings: await client.changeSettings(change) })).catch(() =>
        setState({ settings: before }),
      );
    },
    async dismissNotice(id) {
      setState(({ notices }) => ({ notices: notices.filter((notice) => notice.id !== id) }));
      await told(() => client.dismissNotice({ id })).catch(() => undefined);
    },
    async loadModel(id, settings = noChoice, force = false) {
      await told(() => client.loadModel({ id, settings, force }));
    },
    async unloadModel() {
      await told(() => client.unloadModel({})).catch(() => undefined);
    },
    showContextTokens: (contextTokens) => setState({ contextTokens }),
    async readModels() {
      try {
        setState({ models: await client.listModels({}), modelsError: null });
      } catch (error) {
        setState({ modelsError: toLabError(error).message });
      }
    },
  };
}

function changed(settings: Settings, change: SettingsChange): Settings {
  const present = Object.entries(change).filter(([, value]) => value !== undefined);
  return { ...settings, ...(Object.fromEntries(present) as Partial<Settings>) };
}

/** Runs it; what goes wrong is said in a toast, and thrown on. */
async function told<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    showToast(toLabError(error).message);
    throw error;
  }
}

/** Takes what the host said at the beginning. */
export function applyStart(store: StoreApi<AppState>, start: Start): void {
  const { version, platform, cores, settings, engine, notices } = start;
  store.setState({ machine: { version, platform, cores }, settings, engine, notices });
}

/** Another model has read nothing yet. */
function takeEngine(store: AppStore, engine: LoadState): void {
  store.setState({ engine, ...(engine.state === 'ready' ? {} : { flashReads: null }) });
}

/** Takes an event, as far as it is the app's. */
export function applyEvent(store: AppStore, event: AppEvent): void {
  const { setState } = store;
  if (event.type === 'engine') takeEngine(store, event.engine);
  else if (event.type === 'settings') setState({ settings: event.settings });
  else if (event.type === 'models') void store.actions.readModels();
  else if (event.type === 'notice') {
    const { notice } = event;
    setState(({ notices }) => ({ notices: [...notices.filter(({ id }) => id !== notice.id), notice] }));
  } else if (event.type === 'notice-removed') {
    setState(({ notices }) => ({ notices: notices.filter(({ id }) => id !== event.id) }));
  }
}
