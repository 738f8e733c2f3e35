/**
 * Finds models in folders by the names and sizes of files: none is opened. Bounded, because a folder may be a whole disk, a loop of links
 * or one that does not answer.
 */
import { opendir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ModelSummary } from '../../contract/model-summary.ts';

export type ModelFormat = ModelSummary['format'];

export interface FoundModel {
  /** To be opened: a file, the first part of a split one, or a folder. */
  readonly path: string;
  /** With links resolved: two names of one file are one model. */
  readonly realPath: string;
  readonly title: string;
  readonly format: ModelFormat;
  readonly bytes: number;
  /** False: the file or parts of it are missing or empty. */
  readonly isWhole: boolean;
}

export interface Findings {
  readonly models: readonly FoundModel[];
  /** Whether the folder is there and can be read. */
  readonly folder: 'read' | 'missing' | 'unreadable';
  /** What was left out and why, to follow the folder's name in a sentence; null: nothing was. */
  readonly problem: string | null;
}

export interface Limits {
  /** Files and folders looked at. */
  readonly entries: number;
  readonly models: number;
  readonly timeMs: number;
}

const usualLimits: Limits = { entries: 50_000, models: 2000, timeMs: 5000 };
/** Folders inside the named one that are looked into: publisher/model, as LM Studio lays them out. */
const levels = 2;

/** What `search` finds within the limits; what it has not found by then is left out and said. */
export async function findModels(
  search: (finder: ModelFinder) => Promise<void>,
  limits: Limits = usualLimits,
): Promise<Findings> {
  const finder = new ModelFinder(limits);
  const searching = search(finder).catch((error: unknown) => finder.fail(error));
  const inTime = new AbortController();
  const late = delay(limits.timeMs, undefined, { signal: inTime.signal }).then(
    () =>
      finder.stop(
        `takes longer than ${limits.timeMs / 1000} s to read: what was not read by then is not listed`,
      ),
    () => undefined,
  );
  await Promise.race([searching, late]);
  inTime.abort();
  return finder.findings();
}

type Title = (below: readonly string[]) => string;

/** Names of what a folder holds, links followed. */
interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

export class ModelFinder {
  readonly #limits: Limits;
  readonly #models: FoundModel[] = [];
  readonly #visited = new Set<string>();
  #entries = 0;
  #folder: Findings['folder'] = 'read';
  #isStopped = false;
  #problem: string | null = null;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  findings(): Findings {
    const models = [...this.#models].sort((left, right) => left.title.localeCompare(right.title, 'en'));
    return { models, folder: this.#folder, problem: this.#problem };
  }

  /** Ends the search; the first reason is kept. */
  stop(problem: string): void {
    this.#isStopped = true;
    this.report(problem);
  }

  /** The folder itself cannot be read. */
  fail(error: unknown): void {
    this.#folder = isMissing(error) ? 'missing' : 'unreadable';
    this.report(`cannot be read: ${reasonOf(error)}`);
  }

  /** Something could not be read; the search goes on. */
  report(problem: string): void {
    this.#problem ??= problem;
  }

  add(model: FoundModel): void {
    if (this.#isStopped) return;
    if (this.#models.length >= this.#limits.models) {
      this.stop(`holds more than ${this.#limits.models.toLocaleString('en')} models: the rest is not listed`);
    } else this.#models.push(model);
  }

  /** The folder's models and those of the folders in it; throws where it cannot be read. `title` names one that is a folder by its path below `root`. */
  async searchFolder(root: string, title: Title): Promise<void> {
    await this.#visit(root, [], title);
  }

  /** Entries of a folder by kind, hidden ones left out; throws where it cannot be read. */
  async list(folder: string): Promise<Listing> {
    const files: string[] = [];
    const folders: string[] = [];
    const links: string[] = [];
    for await (const entry of await opendir(folder, { bufferSize: 1000 })) {
      if (!this.#takeEntry()) break;
      if (entry.name.startsWith('.')) continue;
      const kind = entry.isDirectory() ? folders : entry.isSymbolicLink() ? links : files;
      kind.push(entry.name);
    }
    await Promise.all(
      links.map(async (name) => {
        const target = await stat(join(folder, name)).catch(() => null);
        (target?.isDirectory() ? folders : files).push(name);
      }),
    );
    return { files: files.sort(), folders: folders.sort() };
  }

  #takeEntry(): boolean {
    if (this.#isStopped) return false;
    this.#entries += 1;
    if (this.#entries <= this.#limits.entries) return true;
    const most = this.#limits.entries.toLocaleString('en');
    this.stop(`holds more than ${most} files: what comes after them is not listed`);
    return false;
  }

  async #visit(folder: string, below: readonly string[], title: Title): Promise<void> {
    const real = await realpath(folder);
    // A link may lead back to a folder that was visited.
    if (this.#isStopped || this.#visited.has(real)) return;
    this.#visited.add(real);
    const listing = await this.list(folder);
    const inside = await this.#addFolderModel(folder, real, listing, title(below));
    const addFiles = (format: ModelFormat, names: readonly string[]) =>
      Promise.all(groupParts(names).map((parts) => this.#addFile(folder, parts, format)));
    await addFiles('gguf', listing.files.filter(isGguf));
    await addFiles('pack', listing.files.filter(isPack));
    if (below.length >= levels) return;
    const others = listing.folders.filter((name) => name !== inside && name !== 'node_modules');
    await Promise.all(others.map((name) => this.#visitInside(folder, [...below, name], title)));
  }

  async #visitInside(parent: string, below: readonly string[], title: Title): Promise<void> {
    try {
      await this.#visit(join(parent, below.at(-1) ?? ''), below, title);
    } catch (error) {
      const inside = below.join('/');
      this.report(
        `holds a folder ${inside} that cannot be read (${reasonOf(error)}): what is in it is not listed`,
      );
    }
  }

  /** Where the folder itself is a model, in the order in which formats are told apart when it is opened. Returns the folder inside that belongs to it. */
  async #addFolderModel(
    folder: string,
    realPath: string,
    { files, folders }: Listing,
    title: string,
  ): Promise<string | null> {
    const hasConfig = files.includes('config.json');
    const graphs = 'onnx';
    const hasGraphs = hasConfig && folders.includes(graphs);
    const inside = hasGraphs
      ? (await this.list(join(folder, graphs))).files.map((name) => join(graphs, name))
      : [];
    const all = [...files, ...inside];
    const add = async (format: ModelFormat, weights: readonly string[]) => {
      this.add({ path: folder, realPath, title, format, ...(await measure(folder, groupParts(weights))) });
    };
    if (files.includes('genai_config.json')) await add('genai', all.filter(isGraphData));
    else if (hasConfig && all.some(isGraph)) await add('transformersjs', all.filter(isGraphData));
    else if (hasConfig && files.some(isSafetensors)) await add('safetensors', files.filter(isSafetensors));
    return inside.some(isGraph) ? graphs : null;
  }

  async #addFile(folder: string, parts: Parts, format: ModelFormat): Promise<void> {
    const path = join(folder, parts.first);
    const realPath = await realpath(path).catch(() => path);
    const title = fileTitle(parts.stem, basename(folder));
    this.add({ path, realPath, title, format, ...(await measure(folder, [parts])) });
  }
}

/** Files of one model; one that is not split has one part. */
interface Parts {
  readonly stem: string;
  readonly first: string;
  readonly names: string[];
  readonly total: number;
}

const partNumber = /-\d{5}-of-(\d{5})$/;

function groupParts(names: readonly string[]): Parts[] {
  const groups = new Map<string, Parts>();
  for (const name of names) {
    const stem = name.slice(0, name.length - extname(name).length);
    const total = Number(partNumber.exec(stem)?.[1] ?? 1);
    const key = `${stem.replace(partNumber, '')} ${total}`;
    const group = groups.get(key) ?? { stem: stem.replace(partNumber, ''), first: name, names: [], total };
    group.names.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

async function measure(
  folder: string,
  groups: readonly Parts[],
): Promise<{ bytes: number; isWhole: boolean }> {
  const names = groups.flatMap((group) => group.names);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => null,
      ),
    ),
  );
  // A file that is there and empty is one that something was about to write.
  const hasParts = groups.every((group) => group.names.length >= group.total);
  const isWhole = hasParts && sizes.every((size) => size !== null && size > 0);
  return { bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0), isWhole };
}

/** A name that says nothing by itself stands behind its folder's. */
function fileTitle(stem: string, folder: string): string {
  return /^(ggml[-_.])?model\b/i.test(stem.replaceAll('_', '-')) ? `${folder}, ${stem}` : stem;
}

/** Image encoders (mmproj) belong to a model beside them. */
const isGguf = (name: string) => /\.gguf$/i.test(name) && !/mmproj/i.test(name);
const isPack = (name: string) => name.endsWith('.retortpack');
const isSafetensors = (name: string) => name.endsWith('.safetensors');
const isGraph = (name: string) => name.endsWith('.onnx');
const isGraphData = (name: string) => isGraph(name) || /\.onnx[._]data(_\d+)?$|\.data$/.test(name);

export const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Why the system did not let something be read, for people. */
export function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'it is not there';
  if (code === 'ENOTDIR') return 'it is no folder';
  if (code === 'EACCES' || code === 'EPERM') return 'this account may not read it';
  if (code === 'ELOOP') return 'its links lead in a circle';
  return code === undefined ? 'it could not be understood' : `the system says ${code}`;
}
