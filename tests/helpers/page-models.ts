/** Models of pages in a data folder of their own, with places made for the test; all of it ends with the running test. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import type { PageModel } from '../../electron/contract/machine.ts';
import { pageContract, type AppEvent } from '../../electron/contract/page-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import { serve } from '../../electron/contract/rpc.ts';
import { nodeEngineStarter } from '../../electron/host/engines/engine-starter.ts';
import { AppEvents } from '../../electron/host/events.ts';
import { Grants } from '../../electron/host/grants.ts';
import { Library } from '../../electron/host/library/library.ts';
import { usualPlaces } from '../../electron/host/models/model-places.ts';
import { pageModelHandlers } from '../../electron/host/models/page-model-handlers.ts';
import { PageModels } from '../../electron/host/models/page-models.ts';
import { Notices } from '../../electron/host/notices/notices.ts';
import { SettingsFile } from '../../electron/host/settings/settings-file.ts';
import { openStore } from '../../electron/host/store/store.ts';
import { TextService } from '../../electron/host/text/text-service.ts';
import { goldenFolder } from './golden.ts';
import { temporaryFolder } from './test-host.ts';

const { listModels, importModel, adoptModel, forgetModel, inspectModel, tensorStatistics } = pageContract;
const { listModelFolders, addModelFolder, removeModelFolder } = pageContract;
const contract = {
  ...{ listModels, importModel, adoptModel, forgetModel, inspectModel, tensorStatistics },
  ...{ listModelFolders, addModelFolder, removeModelFolder },
};

interface Places {
  /** Named at the start. */
  readonly folders?: readonly string[];
  /** Whose other programs' folders are looked at; by default an empty one. */
  readonly user?: string;
  readonly home?: string;
}

export function startPageModels({ folders = [], user, home = temporaryFolder() }: Places = {}) {
  const store = openStore(home);
  const events = new AppEvents();
  const told: AppEvent[] = [];
  events.listen((event) => void told.push(event));
  const notices = new Notices(events);
  const grants = new Grants();
  const library = new Library(store);
  const text = new TextService(nodeEngineStarter);
  const settings = new SettingsFile(home, { events, notices });
  const own = user ?? temporaryFolder();
  // The machine's own places are no part of a test.
  const others = usualPlaces({}, own).filter(({ folder }) => folder.startsWith(own));
  const models = new PageModels({ library, settings, grants, text, events, notices }, { folders, others });
  const [here, there] = portPair();
  serve(there, contract, pageModelHandlers({ models }));
  onTestFinished(async () => {
    here.close();
    await text.close();
    await store.close();
  });
  return { client: connect(here, contract), models, grants, library, settings, notices, told, home };
}

/** The bundled model's name in the library. */
export const bundled = 'smollm2-135m-instruct';

/** The id of a model that was found at `path`. */
export const idOf = (kind: string, path: string) =>
  `${kind}-${sha256(Buffer.from(realpathSync(path))).slice(0, 16)}`;

/** All models but the bundled one, as a page gets them. */
export async function listed({
  client,
}: Pick<ReturnType<typeof startPageModels>, 'client'>): Promise<PageModel[]> {
  return (await client.listModels({})).filter(({ kind }) => kind !== 'bundled');
}

export const titles = (models: readonly PageModel[]) => models.map(({ title }) => title);

export const tiny = (name: string, file = '') => join(goldenFolder, 'tiny', name, file);

/** The files of a golden tiny model that make a Hugging Face folder. */
export function copyTiny(name: string, target: string): void {
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors']) {
    copyFile(tiny(name, file), join(target, file));
  }
}

export function copyFile(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target);
}

/** A repository of the Hugging Face cache: snapshots of links to blobs, as its client lays them out. */
export function addToHub(
  hub: string,
  repository: string,
  revision: string,
  files: Record<string, string>,
): void {
  const folder = join(hub, `models--${repository.replace('/', '--')}`);
  for (const [name, source] of Object.entries(files)) {
    const blob = join(folder, 'blobs', sha256(readFileSync(source)));
    const link = join(folder, 'snapshots', revision, name);
    copyFile(source, blob);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), blob), link);
  }
  mkdirSync(join(folder, 'refs'), { recursive: true });
  writeFileSync(join(folder, 'refs', 'main'), revision);
}

/** A model of Ollama's store: a manifest under registry/namespace/model/tag and its blobs. */
export function addToOllama(
  store: string,
  name: string,
  source: string,
  layers: readonly object[] = [],
): void {
  const digest = sha256(readFileSync(source));
  copyFile(source, join(store, 'blobs', `sha256-${digest}`));
  const manifest = join(store, 'manifests', name);
  mkdirSync(dirname(manifest), { recursive: true });
  const model = {
    mediaType: 'application/vnd.ollama.image.model',
    digest: `sha256:${digest}`,
    size: statSync(source).size,
  };
  const whole = {
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: `sha256:${'0'.repeat(64)}`,
      size: 1,
    },
    layers: [model, ...layers],
  };
  writeFileSync(manifest, JSON.stringify(whole));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
