/** Files that a command writes beside what it prints. */
import { stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LabError, toLabError } from '../contract/errors.ts';
import { badArgument } from './arguments.ts';

/** Before minutes of computing: the folder of a file to write must be there. */
export async function requireFolderOf(file: string): Promise<void> {
  const folder = dirname(resolve(file));
  const found = await stat(folder).catch((error: unknown) => {
    throw new LabError(toLabError(error).code, `${folder} does not exist.`, {}, { cause: error });
  });
  if (!found.isDirectory()) throw badArgument(`${folder} is not a folder.`);
}

export async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    const known = toLabError(error);
    throw new LabError(known.code, `${file}: ${known.message}`, { file }, { cause: error });
  }
}
