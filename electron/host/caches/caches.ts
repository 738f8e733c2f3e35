/**
 * What may be deleted at any time because it is made again: graphs built from model files, each a folder named by its content, and files
 * with what was measured of this machine: which kernels run, how fast its disks are.
 */
import type { Dirent } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { diskName, graphsName, kernelsName, savedCachesName } from '../../contract/cache-layout.ts';
import { LabError } from '../../contract/errors.ts';
import type { Cache } from '../../contract/host-contract.ts';
import { isRunning } from '../process-identity.ts';

/** `<name>.partial-<pid>-…`: being built by that process. `<name>.removed-<pid>-…`: being deleted. */
const temporary = /\.(partial|removed)-(\d+)-/;

/** Caches that are one file. */
const fileNames = { kernels: kernelsName, disk: diskName };
type FileKind = keyof typeof fileNames;
const isFile = (kind: Cache['kind']): kind is FileKind => kind in fileNames;

export class Caches {
  /** Given to engines, which make what is in it. */
  readonly folder: string;
  readonly #graphs: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#graphs = join(folder, graphsName);
  }

  async list(): Promise<Cache[]> {
    await this.removeAbandoned();
    const folders = (await entriesOf(this.#graphs)).filter((entry) => entry.isDirectory());
    const graphs = folders.map(({ name }) => this.#measureGraph(name));
    const files = Object.keys(fileNames).map((kind) => this.#measureFile(kind as FileKind));
    const measured = await Promise.all([...files, ...graphs]);
    return measured.filter((cache) => cache !== null).sort((left, right) => left.id.localeCompare(right.id));
  }

  /** Renames first, so that no process finds half a cache. Throws not-found, and bad-request for one being built. */
  async remove(id: string): Promise<Cache> {
    const cache = (await this.list()).find((each) => each.id === id);
    if (!cache) throw new LabError('not-found', `There is no cache ${id}.`);
    if (cache.kind === 'unfinished') throw new LabError('bad-request', `${id} is being built now.`);
    if (isFile(cache.kind)) {
      await rm(join(this.folder, fileNames[cache.kind]), { force: true });
      return cache;
    }
    const removed = join(this.#graphs, `${id}.removed-${process.pid}-${Date.now()}`);
    await rename(join(this.#graphs, id), removed);
    await rm(removed, { recursive: true, force: true });
    return cache;
  }

  /** Deletes what processes that no longer run left half done. */
  async removeAbandoned(): Promise<void> {
    for (const folder of [this.folder, this.#graphs, join(this.folder, savedCachesName)]) {
      for (const { name } of await entriesOf(folder)) {
        const pid = temporary.exec(name)?.[2];
        if (pid === undefined || isRunning(Number(pid))) continue;
        await rm(join(folder, name), { recursive: true, force: true });
      }
    }
  }

  #measureFile(kind: FileKind): Promise<Cache | null> {
    return unlessGone(async () => {
      const { size, mtimeMs } = await stat(join(this.folder, fileNames[kind]));
      return { id: kind, kind, bytes: size, changedAt: mtimeMs };
    });
  }

  #measureGraph(name: string): Promise<Cache | null> {
    const folder = join(this.#graphs, name);
    return unlessGone(async () => {
      const files = await readdir(folder, { withFileTypes: true, recursive: true });
      const sizes = files
        .filter((file) => file.isFile())
        .map((file) => stat(join(file.parentPath, file.name)));
      const bytes = (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
      const kind = temporary.test(name) ? 'unfinished' : 'graph';
      return { id: name.replaceAll('.', '-'), kind, bytes, changedAt: (await stat(folder)).mtimeMs };
    });
  }
}

/** Null for what is not there, or was finished, renamed or deleted while it was measured. */
async function unlessGone<T>(measure: () => Promise<T>): Promise<T | null> {
  try {
    return await measure();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return (await unlessGone(() => readdir(folder, { withFileTypes: true }))) ?? [];
}
