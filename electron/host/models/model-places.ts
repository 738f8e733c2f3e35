/** Where other programs keep models on this machine. They are used where they lie. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMissing, reasonOf, type ModelFinder } from './model-finder.ts';
import { searchOllama } from './ollama.ts';

export interface ModelPlace {
  /** For people. */
  readonly title: string;
  readonly folder: string;
  /** Throws the system's error where the folder is not there or cannot be read. */
  search(finder: ModelFinder): Promise<void>;
}

/** Where the service lies that Ollama's installer for Linux sets up. */
const ollamaService = '/usr/share/ollama/.ollama/models';

/** The usual places of a person whose home is `home`, and those that the environment names. */
export function usualPlaces(env: NodeJS.ProcessEnv, home: string): ModelPlace[] {
  const cache = env['XDG_CACHE_HOME'] ?? join(home, '.cache');
  const huggingFace = [
    env['HF_HUB_CACHE'],
    env['HUGGINGFACE_HUB_CACHE'],
    env['HF_HOME'] && join(env['HF_HOME'], 'hub'),
    join(cache, 'huggingface', 'hub'),
    join(home, '.cache', 'huggingface', 'hub'),
  ];
  const lmStudio = [join(home, '.lmstudio', 'models'), join(home, '.cache', 'lm-studio', 'models')];
  const ollama = [env['OLLAMA_MODELS'], join(home, '.ollama', 'models'), ollamaService];
  return [
    ...distinct(huggingFace).map(huggingFacePlace),
    ...distinct(lmStudio).map(lmStudioPlace),
    ...distinct(ollama).map(ollamaPlace),
  ];
}

function distinct(folders: readonly (string | undefined)[]): string[] {
  return [...new Set(folders.filter((folder) => folder !== undefined && folder !== ''))] as string[];
}

function huggingFacePlace(folder: string): ModelPlace {
  return { title: 'Hugging Face cache', folder, search: (finder) => searchHuggingFace(folder, finder) };
}

function lmStudioPlace(folder: string): ModelPlace {
  const search = (finder: ModelFinder) =>
    finder.searchFolder(folder, (below) => below.at(-1) ?? basename(folder));
  return { title: 'LM Studio', folder, search };
}

function ollamaPlace(folder: string): ModelPlace {
  return { title: 'Ollama', folder, search: (finder) => searchOllama(folder, finder) };
}

const repositoryPrefix = 'models--';

/** models--<owner>--<name>/snapshots/<revision>/ of links to blobs; of each repository the revision that refs/main names. */
async function searchHuggingFace(hub: string, finder: ModelFinder): Promise<void> {
  const { folders } = await finder.list(hub);
  const repositories = folders.filter((name) => name.startsWith(repositoryPrefix));
  await Promise.all(repositories.map((name) => searchRepository(join(hub, name), finder)));
}

async function searchRepository(repository: string, finder: ModelFinder): Promise<void> {
  const title = basename(repository).slice(repositoryPrefix.length).replace('--', '/');
  try {
    const snapshot = await chosenSnapshot(repository, finder);
    if (snapshot !== null) await finder.searchFolder(snapshot, (below) => [title, ...below].join(', '));
  } catch (error) {
    // Without snapshots nothing was downloaded yet.
    if (isMissing(error)) return;
    finder.report(`holds ${title}, which cannot be read (${reasonOf(error)}) and is not listed`);
  }
}

/** The snapshot of refs/main, else the one that changed last; null: nothing was downloaded. */
async function chosenSnapshot(repository: string, finder: ModelFinder): Promise<string | null> {
  const snapshots = join(repository, 'snapshots');
  const { folders } = await finder.list(snapshots);
  const main = await readRevision(join(repository, 'refs', 'main'));
  if (main !== null && folders.includes(main)) return join(snapshots, main);
  const dated = await Promise.all(
    folders.map(async (name) => ({ name, changedAt: (await stat(join(snapshots, name))).mtimeMs })),
  );
  const [newest] = dated.sort((left, right) => right.changedAt - left.changedAt);
  return newest === undefined ? null : join(snapshots, newest.name);
}

const longestRevision = 200;

async function readRevision(file: string): Promise<string | null> {
  try {
    const status = await stat(file);
    if (!status.isFile() || status.size > longestRevision) return null;
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return null;
  }
}
