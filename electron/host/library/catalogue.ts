import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Id } from '../../contract/identifiers.ts';

const models = new URL('../../../models/', import.meta.url);

const Entry = z.object({
  name: Id,
  title: z.string(),
  /** Relative to the models folder. */
  path: z.string(),
  format: z.string(),
  architecture: z.string(),
  bytes: z.number(),
});

/** The models that come with Retort, with absolute paths. */
export async function readCatalogue(): Promise<z.infer<typeof Entry>[]> {
  const text = await readFile(new URL('catalogue.json', models), 'utf8');
  const entries = z.array(Entry).parse(JSON.parse(text));
  return entries.map((entry) => ({ ...entry, path: fileURLToPath(new URL(entry.path, models)) }));
}
