import type { Caches } from './caches/caches.ts';
import type { Chats } from './chats/chats.ts';
import type { Comparisons } from './compare/comparisons.ts';
import type { Diagnostics } from './diagnostics/diagnostics.ts';
import type { EngineStarter } from './engines/engine-starter.ts';
import type { AppEvents } from './events.ts';
import type { Grants } from './grants.ts';
import type { Jobs } from './jobs/jobs.ts';
import type { SavedCaches } from './kv-cache/saved-caches.ts';
import type { Library } from './library/library.ts';
import type { LoadedModel } from './loaded/loaded-model.ts';
import type { Measurements } from './memory/measurements.ts';
import type { MemoryReader } from './memory/memory-reader.ts';
import type { PageModels } from './models/page-models.ts';
import type { Notices } from './notices/notices.ts';
import type { Replies } from './replies/replies.ts';
import type { Runs } from './runs/runs.ts';
import type { SettingsFile } from './settings/settings-file.ts';
import type { Store } from './store/store.ts';
import type { TextService } from './text/text-service.ts';
import type { EnginePool } from './work/engine-pool.ts';

/** What the operations of the host share. */
export interface Services {
  readonly starter: EngineStarter;
  readonly store: Store;
  readonly events: AppEvents;
  readonly grants: Grants;
  readonly notices: Notices;
  readonly settings: SettingsFile;
  readonly chats: Chats;
  readonly library: Library;
  readonly models: PageModels;
  readonly jobs: Jobs;
  readonly runs: Runs;
  readonly caches: Caches;
  readonly savedCaches: SavedCaches;
  readonly text: TextService;
  readonly engines: EnginePool;
  readonly loaded: LoadedModel;
  readonly memory: MemoryReader;
  readonly measurements: Measurements;
  readonly diagnostics: Diagnostics;
  readonly replies: Replies;
  readonly comparisons: Comparisons;
}
