/**
 * The two files of an unfinished pack: what may lie under their names, that one packer alone writes them, and how the pack gets its own name. The lock
 * is one on the open file itself, so that none is left behind by a process that dies.
 */
import { constants } from 'node:fs';
import { link, lstat, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { LabError, toLabError } from '../../contract/errors.ts';
import { packMagic, pageBytes } from '../../formats/pack/schema.ts';
import { lockFile } from '../native/packer.ts';
import { journalName, partialName, refuseTaken } from './pack-target.ts';

/** A process that was just killed lets go within moments. */
const patienceMs = 2000;
const lookAgainMs = 50;

export class PartialFiles {
  readonly data: FileHandle;
  readonly log: FileHandle;
  readonly #target: string;

  private constructor(target: string, data: FileHandle, log: FileHandle) {
    this.#target = target;
    this.data = data;
    this.log = log;
  }

  /**
   * Changes nothing of what is there. Throws bad-request where another packer holds them, the target has appeared, or what lies there is not what a packer
   * leaves.
   */
  static async open(target: string, signal: AbortSignal): Promise<PartialFiles> {
    const path = partialName(target);
    let data = await openLocked(target, signal);
    // Who held the lock before may have given the file its name, or removed it.
    while (!(await liesAt(data, path))) {
      await data.close();
      data = await openLocked(target, signal);
    }
    try {
      await refuseTaken(target);
      await refuseLinked(data, path);
      await refuseForeign(data, path);
      const log = await openPlain(journalName(target));
      const files = new PartialFiles(target, data, log);
      await refuseLinked(log, journalName(target)).catch(async (error: unknown) => {
        await log.close();
        throw error;
      });
      return files;
    } catch (error) {
      const { size, nlink } = await data.stat();
      if (size === 0 && nlink === 1) await rm(path, { force: true });
      await data.close();
      throw error;
    }
  }

  /**
   * Gives the complete pack its name. Throws bad-request where something has the name by now, or another file lies where the pack was written; nothing
   * that goes wrong once the pack has its name is a failure.
   */
  async publish(): Promise<void> {
    const path = partialName(this.#target);
    if (!(await liesAt(this.data, path))) {
      const message = `${basename(path)} is another file than the one that was packed: pack the model again.`;
      throw new LabError('bad-request', message, { file: basename(path) });
    }
    await giveName(path, this.#target);
    await syncFolder(dirname(this.#target)).catch(() => undefined);
    await this.discard().catch(() => undefined);
  }

  /** Removes both names. */
  async discard(): Promise<void> {
    const path = partialName(this.#target);
    if (await liesAt(this.data, path)) await rm(path);
    await rm(journalName(this.#target), { force: true });
  }

  async close(): Promise<void> {
    await this.data.close();
    await this.log.close();
  }
}

async function openLocked(target: string, signal: AbortSignal): Promise<FileHandle> {
  const file = await openPlain(partialName(target));
  try {
    const until = performance.now() + patienceMs;
    while (!lockFile(file.fd)) {
      if (performance.now() >= until) throw heldByAnother(target);
      await setTimeout(lookAgainMs, undefined, { signal });
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function heldByAnother(target: string): LabError {
  const file = basename(target);
  return new LabError('bad-request', `Another process is packing ${file} now: wait for it, or stop it.`, {
    file,
  });
}

// O_NONBLOCK: a FIFO must not hang; O_NOFOLLOW: a link may lead to somebody's file.
const flags =
  constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const refusals: Partial<Record<string, string>> = {
  ELOOP: 'a link',
  EISDIR: 'a folder',
  ENXIO: 'no regular file',
};

/** Opens or makes a regular file. */
async function openPlain(path: string): Promise<FileHandle> {
  const handle = await open(path, flags, 0o666).catch((error: NodeJS.ErrnoException) => {
    const what = refusals[error.code ?? ''];
    if (what !== undefined) throw notOurs(path, what);
    const { code, message } = toLabError(error);
    throw new LabError(code, message, { file: basename(path) }, { cause: error });
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notOurs(path, 'no regular file');
}

/** A whole pack may be its other name. */
async function refuseLinked(file: FileHandle, path: string): Promise<void> {
  if ((await file.stat()).nlink > 1) throw notOurs(path, 'a file that has another name too');
}

/** The first page of an unfinished pack is empty, that of a whole one begins with the packs' own word. */
async function refuseForeign(file: FileHandle, path: string): Promise<void> {
  const page = Buffer.alloc(pageBytes);
  await file.read(page, 0, pageBytes, 0);
  if (page.toString('latin1', 0, packMagic.length) === packMagic) return;
  if (page.some((byte) => byte !== 0)) throw notOurs(path, 'no unfinished pack');
}

function notOurs(path: string, what: string): LabError {
  const file = basename(path);
  const message = `${file} is ${what}: remove it, or pack to another name. An unfinished pack would lie there.`;
  return new LabError('bad-request', message, { file });
}

/** Whether the open file is the one that has the name. */
async function liesAt(file: FileHandle, path: string): Promise<boolean> {
  const [own, there] = await Promise.all([
    file.stat({ bigint: true }),
    lstat(path, { bigint: true }).catch(() => null),
  ]);
  return own.dev === there?.dev && own.ino === there.ino;
}

const noLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Renaming would replace what has the name by now: a second name is refused instead. */
async function giveName(path: string, target: string): Promise<void> {
  await link(path, target)
    .catch((error: NodeJS.ErrnoException) => {
      if (!noLinks.includes(error.code ?? '')) throw error;
      return renameToReserved(path, target);
    })
    .catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      const message = `Something else got the name ${target} while the model was packed: move it away.`;
      throw new LabError('bad-request', message, { file: basename(target) }, { cause: error });
    });
}

/** Where a file has one name: an empty file of ours takes it, if it is free, and is then replaced. */
async function renameToReserved(path: string, target: string): Promise<void> {
  await (await open(target, 'wx')).close();
  await rename(path, target).catch(async (error: unknown) => {
    await rm(target, { force: true });
    throw error;
  });
}

/** Makes the names in it durable. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders; its renames are durable by the journal of the file system.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
