/** The host: every service of the lab behind one contract. It reads no model file; engine processes do. */
import { homedir } from 'node:os';
import { hostContract, type HostContract } from '../contract/host-contract.ts';
import { pageContract } from '../contract/page-contract.ts';
import type { Port } from '../contract/port.ts';
import { serve, type Handlers } from '../contract/rpc.ts';
import { cacheHandlers } from './caches/cache-handlers.ts';
import { Caches } from './caches/caches.ts';
import { Chats } from './chats/chats.ts';
import { ownChats } from './chats/owner.ts';
import { Comparisons } from './compare/comparisons.ts';
import { compareHandlers } from './compare/handlers.ts';
import { Diagnostics } from './diagnostics/diagnostics.ts';
import { loggingErrors } from './diagnostics/error-log.ts';
import type { EngineStarter } from './engines/engine-starter.ts';
import { AppEvents } from './events.ts';
import { Grants } from './grants.ts';
import { Jobs } from './jobs/jobs.ts';
import { cacheWorkHandlers } from './kv-cache/cache-work.ts';
import { SavedCaches } from './kv-cache/saved-caches.ts';
import { Library } from './library/library.ts';
import { LoadedModel } from './loaded/loaded-model.ts';
import { Measurements } from './memory/measurements.ts';
import { MemoryReader } from './memory/memory-reader.ts';
import { processTree } from './memory/process-tree.ts';
import { systemMemory, type SystemMemory } from './memory/system-memory.ts';
import { usualPlaces, type ModelPlace } from './models/model-places.ts';
import { PageModels } from './models/page-models.ts';
import { Notices } from './notices/notices.ts';
import { Replies } from './replies/replies.ts';
import { Runs } from './runs/runs.ts';
import { pageHandlers } from './page-handlers.ts';
import type { Services } from './services.ts';
import { SettingsFile } from './settings/settings-file.ts';
import { openOwnedStore } from './store/owned-store.ts';
import { openStore, type Store } from './store/store.ts';
import { TextService } from './text/text-service.ts';
import { EnginePool } from './work/engine-pool.ts';
import { generateHandlers } from './work/generate.ts';
import { measureHandlers } from './work/measure.ts';
import { diskHandlers } from './work/disk.ts';
import { estimateHandlers } from './work/estimate.ts';
import { packHandlers } from './work/pack.ts';
import { quantizeHandlers } from './work/quantize.ts';
import { perplexityHandlers } from './work/perplexity.ts';

/** 32 MiB: twice the longest text. */
const mostInMessage = 32 * 2 ** 20;

export interface HostOptions {
  /** Data folder: the database and its backups. */
  readonly home: string;
  /** What may be deleted at any time. */
  readonly cache: string;
  readonly starter: EngineStarter;
  /** Folders whose models are listed besides those of the settings. */
  readonly modelFolders?: readonly string[];
  /** Where other programs keep models; left out: the usual places of this person. */
  readonly otherModels?: readonly ModelPlace[];
  /** What the system has; left out: what it says. */
  readonly system?: () => SystemMemory;
  /** The shell's process: its memory and that of what it started is the app's. Left out: this process is all there is. */
  readonly shellPid?: number;
}

export interface Host {
  /** Serves one client that may name any path: the command line. */
  serve(port: Port): void;
  /** Ends every process the host started; open calls fail. */
  close(): Promise<void>;
}

/** A host that owns the chats of its data folder. */
export interface PageHost extends Host {
  /** Serves one page. */
  servePage(port: Port): void;
  /** Allows pages to name `path` by the id that this returns. */
  grant(path: string): string;
}

/** For what shares library and runs with others and never touches chats. The database is opened at its first use. */
export function createHost(options: HostOptions): Host {
  return hostOf(createServices(options, openStore(options.home), startTelling()));
}

/**
 * For pages. Throws bad-request where another process owns the chats, and where a newer Retort wrote the database; a damaged database is
 * replaced by what can be saved, and a notice says so.
 */
export async function openPageHost(options: HostOptions): Promise<PageHost> {
  const letGo = ownChats(options.home);
  try {
    const telling = startTelling();
    const tell = telling.notices.add.bind(telling.notices);
    const services = createServices(options, await openOwnedStore(options.home, { tell }), telling);
    await services.chats.takeOver();
    await services.comparisons.resumeOwn();
    return pageHostOf(services, letGo);
  } catch (error) {
    letGo();
    throw error;
  }
}

function pageHostOf(services: Services, letGo: () => void): PageHost {
  const pages = loggingErrors(pageHandlers(services), services.diagnostics.errors);
  const host = hostOf(services);
  return {
    ...host,
    servePage: (port) => serve(port, pageContract, pages, { mostInMessage }),
    grant: (path) => services.grants.give(path),
    async close() {
      await host.close();
      letGo();
    },
  };
}

function hostOf(services: Services): Host {
  const handlers: Handlers<HostContract> = {
    ...listHandlers(services),
    ...cacheHandlers(services),
    ...cacheWorkHandlers(services),
    ...modelHandlers(services),
    ...generateHandlers(services),
    ...measureHandlers(services),
    ...perplexityHandlers(services),
    ...packHandlers(services),
    ...quantizeHandlers(services),
    ...diskHandlers(services),
    ...estimateHandlers(services),
    ...compareHandlers(services),
  };
  return {
    serve: (port) => serve(port, hostContract, handlers),
    async close() {
      await services.replies.close();
      services.loaded.unload();
      await services.comparisons.close();
      await Promise.all([services.text.close(), services.engines.close()]);
      // What cannot be deleted now is found again: no reason to fail work that is done.
      await services.caches.removeAbandoned().catch(() => undefined);
      await services.store.close();
    },
  };
}

type Telling = Pick<Services, 'events' | 'notices'>;

function startTelling(): Telling {
  const events = new AppEvents();
  return { events, notices: new Notices(events) };
}

function createServices(options: HostOptions, store: Store, { events, notices }: Telling): Services {
  const { home, cache, starter, modelFolders = [], otherModels, shellPid = process.pid } = options;
  const system = options.system ?? systemMemory;
  const shared = {
    events,
    notices,
    grants: new Grants(),
    settings: new SettingsFile(home, { events, notices }),
    library: new Library(store),
    text: new TextService(starter),
  };
  const others = otherModels ?? usualPlaces(process.env, homedir());
  const jobs = new Jobs(store);
  const caches = new Caches(cache);
  const engines = new EnginePool();
  const chats = new Chats(store, events);
  // It asks what is free, and its own memory is part of what others are told.
  const freeForModels = () => memory.freeForModels();
  const loaded = new LoadedModel({ ...shared, starter, jobs, caches, engines, memory: { freeForModels } });
  const appPids = () => processTree(shellPid, (pid) => engines.pids.includes(pid));
  const memory: MemoryReader = new MemoryReader({ loaded, appPids, system });
  const services = {
    ...shared,
    ...{ starter, store, jobs, caches, engines },
    runs: new Runs(store),
    savedCaches: new SavedCaches(cache),
    models: new PageModels(shared, { folders: modelFolders, others }),
    chats,
    loaded,
    memory,
    measurements: new Measurements(store),
    diagnostics: new Diagnostics({ home, cache, userHome: homedir() }, { ...shared, chats, loaded }),
  };
  return { ...services, replies: new Replies(services), comparisons: new Comparisons(services) };
}

type Listing = 'listJobs' | 'cancelJob' | 'listRuns' | 'readRun';

function listHandlers({ jobs, runs }: Services): Pick<Handlers<HostContract>, Listing> {
  return {
    listJobs: () => jobs.list(),
    cancelJob: ({ id }) => jobs.cancel(id),
    listRuns: ({ kind, limit }) => runs.list(kind, limit),
    readRun: ({ id }) => runs.read(id),
  };
}

type Modelling = 'listModels' | 'addModel' | 'removeModel' | 'inspect' | 'tensorStatistics' | 'tokenize';

function modelHandlers({ library, text }: Services): Pick<Handlers<HostContract>, Modelling> {
  return {
    listModels: () => library.list(),
    addModel: async ({ path, name }, { signal }) => library.add(path, name, await text.inspect(path, signal)),
    removeModel: ({ name }) => library.remove(name),
    inspect: async ({ model }, { signal }) => text.inspect((await library.resolve(model)).path, signal),
    async tensorStatistics({ model, tensors }, context) {
      const { path } = await library.resolve(model);
      await text.statistics({ path, identity: null, tensors }, context);
      return null;
    },
    async tokenize({ model, content }, { signal }) {
      const opened = await text.open((await library.resolve(model)).path, signal);
      if (content.kind === 'text') {
        const { text: plain, special, addBos } = content;
        return opened.encode({ text: plain, special, addBos });
      }
      const { messages, addGenerationPrompt } = content;
      const { ids, pieces, warnings } = await opened.encodeChat({ messages, addGenerationPrompt });
      return { ids, pieces, warnings };
    },
  };
}
