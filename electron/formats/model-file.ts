/**
 * The only way formats opens a file of a model: by a name inside the model's folder, links resolved and contained, regular
 * files only. A Hugging Face snapshot's own blobs folder belongs to the snapshot.
 */
import { constants } from 'node:fs';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { badFile, LabError, toLabError } from '../contract/errors.ts';

export interface ModelFile {
  readonly name: string;
  /** Absolute, links resolved. */
  readonly path: string;
  readonly bytes: number;
  /** Exactly `length` bytes at `offset`; `bad-file` where the file ends earlier. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Refuse files with more than one name: a hard link may lead out of the folder unseen (onnx PR 7686). Used for names that come from inside a file. */
  readonly refuseHardLinks?: boolean;
}

/** One read call takes less than 2 GiB. */
const largestRead = 1 << 30;

const driveOrScheme = /^[a-zA-Z]:|^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//;

/** Why a name that stands inside a file may not be used as a path below the folder, or null. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'the name is empty';
  if (name.includes('\0')) return 'the name holds a NUL byte';
  if (name.includes('\\')) return 'the name holds a backslash';
  if (name.startsWith('/') || driveOrScheme.test(name)) return 'the name is absolute';
  if (/%2e|%2f|%5c/i.test(name)) return 'the name holds an encoded dot or slash';
  if (name.split('/').some((part) => part === '..')) return 'the name leaves the folder';
  return null;
}

/** Folders whose files belong to the model: the folder itself and, for a Hugging Face cache snapshot, its blobs. */
async function ownFolders(folder: string): Promise<string[]> {
  const real = await realpath(folder);
  const snapshots = dirname(real);
  if (basename(snapshots) !== 'snapshots') return [real];
  const blobs = await realpath(join(dirname(snapshots), 'blobs')).catch(() => null);
  return blobs === null ? [real] : [real, blobs];
}

const inside = (path: string, folder: string) => path === folder || path.startsWith(folder + sep);

/** Opens `name` below `folder` for reading. Throws outside-folder, not-found, bad-file (not a regular file) or file-unreadable. */
export async function openModelFile(
  folder: string,
  name: string,
  options: OpenOptions = {},
): Promise<ModelFile> {
  const problem = nameProblem(name);
  if (problem) throw new LabError('outside-folder', `${JSON.stringify(name)}: ${problem}.`, { file: name });
  const path = await realpath(join(folder, name)).catch((error: unknown) => {
    throw withFile(error, name);
  });
  const folders = await ownFolders(folder);
  if (!folders.some((own) => inside(path, own))) {
    throw new LabError('outside-folder', `${name}: the link leads outside the model's folder.`, {
      file: name,
    });
  }
  const before = await stat(path);
  if (!before.isFile()) throw badFile('not a regular file', { file: name });
  // O_NONBLOCK: a FIFO put in place after the check must not hang; O_NOFOLLOW: nor may a link be followed.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((error: unknown) => {
    throw withFile(error, name);
  });
  try {
    const now = await handle.stat();
    if (!now.isFile()) throw badFile('not a regular file', { file: name });
    if (options.refuseHardLinks && now.nlink > 1) {
      throw new LabError('outside-folder', `${name}: the file has more than one name (hard link).`, {
        file: name,
      });
    }
    return wrap(handle, name, path, now.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function withFile(error: unknown, file: string): LabError {
  const known = toLabError(error);
  const message = known.code === 'not-found' ? 'the file does not exist' : known.message;
  return new LabError(known.code, `${file}: ${message}`, { file }, { cause: error });
}

function wrap(handle: FileHandle, name: string, path: string, bytes: number): ModelFile {
  return {
    name,
    path,
    bytes,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes) {
        throw badFile(`the file ends at ${bytes}, ${length} bytes were expected`, { file: name, offset });
      }
      const buffer = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const piece = Math.min(length - done, largestRead);
        const { bytesRead } = await handle.read(buffer, done, piece, offset + done);
        if (bytesRead === 0)
          throw badFile('the file became shorter while it was read', { file: name, offset });
        done += bytesRead;
      }
      return buffer;
    },
    close: () => handle.close(),
  };
}
