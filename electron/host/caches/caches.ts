/** What may be deleted at any time because it is built again: graphs made from model files. Each is a folder named by its content. */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../../contract/errors.ts';
import type { Cache } from '../../contract/host-contract.ts';
import { isRunning } from '../process-identity.ts';

/** `<name>.partial-<pid>-…`: being built by that process. `<name>.removed-<pid>-…`: being deleted. */
const temporary = /\.(partial|removed)-(\d+)-/;

export class Caches {
  /** Where engines build graphs. */
  readonly graphs: string;

  constructor(cacheFolder: string) {
    this.graphs = join(cacheFolder, 'graphs');
  }

  async list(): Promise<Cache[]> {
    await this.removeAbandoned();
    const names = await folders(this.graphs);
    const measured = await Promise.all(names.map((name) => this.#measure(name)));
    return measured.filter((cache) => cache !== null).sort((left, right) => left.id.localeCompare(right.id));
  }

  /** Renames first, so that no process finds half a cache. Throws not-found, and bad-request for one being built. */
  async remove(id: string): Promise<Cache> {
    const cache = (await this.list()).find((each) => each.id === id);
    if (!cache) throw new LabError('not-found', `There is no cache ${id}.`);
    if (cache.kind === 'unfinished') throw new LabError('bad-request', `${id} is being built now.`);
    const removed = join(this.graphs, `${id}.removed-${process.pid}-${Date.now()}`);
    await rename(join(this.graphs, id), removed);
    await rm(removed, { recursive: true, force: true });
    return cache;
  }

  /** Deletes what processes that no longer run left half done. */
  async removeAbandoned(): Promise<void> {
    for (const name of await folders(this.graphs)) {
      const pid = temporary.exec(name)?.[2];
      if (pid === undefined || isRunning(Number(pid))) continue;
      await rm(join(this.graphs, name), { recursive: true, force: true });
    }
  }

  async #measure(name: string): Promise<Cache | null> {
    const folder = join(this.graphs, name);
    try {
      const files = await readdir(folder, { withFileTypes: true, recursive: true });
      const sizes = files
        .filter((file) => file.isFile())
        .map((file) => stat(join(file.parentPath, file.name)));
      const bytes = (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
      const kind = temporary.test(name) ? 'unfinished' : 'graph';
      return { id: name.replaceAll('.', '-'), kind, bytes, changedAt: (await stat(folder)).mtimeMs };
    } catch (error) {
      // Finished, renamed or deleted while it was measured.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }
}

async function folders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
