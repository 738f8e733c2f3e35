/** What a variant's folder says of how it was made, so that the call that made it finds it again. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Arithmetic } from '../../contract/open-model.ts';
import { readOptionalJson } from '../../formats/json.ts';

const FolderOrigin = z.object({
  version: z.literal(1),
  /** Of the model whose weights were rounded. */
  identity: z.string(),
  recipe: z.string(),
  arithmetic: Arithmetic,
});
export type FolderOrigin = Omit<z.infer<typeof FolderOrigin>, 'version'>;

const originName = 'retort.json';

/** A file beside those that onnxruntime-genai reads: its own configuration takes no other words. */
export function originFile(origin: FolderOrigin): { readonly name: string; readonly text: string } {
  return { name: originName, text: JSON.stringify({ version: 1, ...origin }, null, 2) };
}

/** Bytes of the folder's files; null: it is not there, or was made otherwise. A folder gets its name when all of it is on disk. */
export async function finishedBytes(folder: string, wanted: FolderOrigin): Promise<number | null> {
  const file = await readOptionalJson(folder, originName).catch(() => null);
  const origin = FolderOrigin.safeParse(file?.value).data;
  const { identity, recipe, arithmetic } = wanted;
  if (origin?.identity !== identity || origin.recipe !== recipe || origin.arithmetic !== arithmetic)
    return null;
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
