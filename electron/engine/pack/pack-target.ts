/** Where a pack may be put, and what its files are called until it is whole. */
import type { Stats } from 'node:fs';
import { lstat, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError, toLabError } from '../../contract/errors.ts';
import { nameProblem } from '../../formats/model-file.ts';

/** In bytes: what file systems allow. */
const longestName = 255;

export const partialName = (target: string) => join(dirname(target), `.partial-${basename(target)}`);
export const journalName = (target: string) => `${partialName(target)}.journal`;

/** The beginning of a sentence. */
export const keptIn = (target: string) => `What is packed so far is kept in ${basename(partialName(target))}`;

/** Throws bad-request for a name that cannot be or is taken, not-found where its folder is missing. `isFolder`: what is to be made is one. */
export async function checkTarget(target: string, isFolder = false): Promise<void> {
  const file = basename(target);
  const problem = nameProblem(file) ?? lengthProblem(target);
  if (problem !== null) {
    throw new LabError(
      'bad-request',
      `A ${isFolder ? 'folder' : 'pack'} cannot be named ${JSON.stringify(file)}: ${problem}.`,
      {
        file,
      },
    );
  }
  const folder = await stat(dirname(target)).catch((error: unknown) => {
    const { code, message } = toLabError(error);
    const text = code === 'not-found' ? `The folder ${dirname(target)} does not exist.` : message;
    throw new LabError(code, text, { file }, { cause: error });
  });
  if (!folder.isDirectory()) throw new LabError('bad-request', `${dirname(target)} is not a folder.`);
  // The longest of the paths that will be used.
  await statusOf(journalName(target));
  await refuseTaken(target, isFolder);
}

function lengthProblem(target: string): string | null {
  const surplus = Buffer.byteLength(basename(journalName(target))) - longestName;
  return surplus > 0 ? `the name is ${surplus} bytes too long` : null;
}

/** Throws bad-request where something has the name already, a link that leads nowhere too. */
export async function refuseTaken(target: string, isFolder = false): Promise<void> {
  await tidyAfterPublishing(target);
  const there = await statusOf(target);
  if (there === null) return;
  const message =
    there.isDirectory() && !isFolder
      ? `${target} is a folder: name a file in it, for example ${join(target, 'model.retortpack')}.`
      : `${target} is there already: remove it, or name another file.`;
  throw new LabError('bad-request', message, { file: basename(target) });
}

/**
 * Takes away what a run left that was killed while it gave the pack its name: the temporary name or the journal beside it, or, where files have one name, an
 * empty file in its place with the pack still under the temporary one.
 */
export async function tidyAfterPublishing(target: string): Promise<void> {
  const there = await statusOf(target);
  if (there?.isFile() !== true) return;
  const partial = await statusOf(partialName(target));
  const remove = (path: string) => rm(path, { force: true }).catch(() => undefined);
  if (partial?.isFile() === true && there.size === 0) return remove(target);
  const isSame = partial?.dev === there.dev && partial.ino === there.ino;
  if (partial !== null && !isSame) return;
  if (isSame) await remove(partialName(target));
  await remove(journalName(target));
}

/** Bytes that an unfinished pack takes already; 0: there is none. */
export async function partialBytes(target: string): Promise<number> {
  const status = await statusOf(partialName(target));
  // What a sparse file does not take counts as free.
  return status?.isFile() === true ? Math.min(status.size, (status.blocks ?? 0) * 512) : 0;
}

/** Of what has the name itself, where a link leads does not matter; null: nothing has it. */
async function statusOf(path: string): Promise<Stats | null> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    const [code, text] =
      error.code === 'ENAMETOOLONG'
        ? (['bad-request', `The path ${dirname(path)} is too long for a pack.`] as const)
        : ([toLabError(error).code, error.message] as const);
    throw new LabError(code, text, { file: basename(path) }, { cause: error });
  });
}
