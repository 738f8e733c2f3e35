/**
 * Caches of conversations on disk, each a folder: what is known of it, and the engine's file. Made under a temporary name and renamed once all of it is
 * durable, so that a crash, a kill or a full disk leaves either all of it or nothing that is listed.
 */
import { mkdir, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { savedCachesName } from '../../contract/cache-layout.ts';
import { Arithmetic, EngineName, KvCodec, type ModelInfo } from '../../contract/open-model.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import { bytes, count, Id, time } from '../../contract/identifiers.ts';
import { CacheName } from '../../contract/kv-cache.ts';
import { makeNamesDurable, writeDurably } from '../durable-file.ts';
import { newId } from '../new-id.ts';

/** What a file beside the engine's says of it. */
export const AboutCache = z.object({
  version: z.literal(1),
  name: CacheName,
  savedAt: time,
  modelTitle: z.string(),
  modelPath: z.string(),
  identity: z.string(),
  engine: EngineName,
  arithmetic: Arithmetic,
  kvCodec: KvCodec,
  context: count,
  tokens: count,
  bytes,
  chatId: Id.nullable(),
});
export type AboutCache = z.infer<typeof AboutCache>;
export type StoredCache = AboutCache & { readonly id: string };

type Model = Pick<ModelInfo, 'identity' | 'packOf' | 'engine' | 'arithmetic' | 'kvCodec'> & {
  readonly context: number;
};

const aboutName = 'about.json';
const fileName = 'cache.safetensors';
const mebibytes = (size: number) => `${Math.ceil(size / 1_048_576)} MiB`;

/** A pack has the weights of the model it was made of. */
export const weightsOf = ({ packOf, identity }: Pick<ModelInfo, 'identity' | 'packOf'>): string =>
  packOf ?? identity;

/** Why a model as it is loaded cannot go on from a saved cache; null: it can. */
export function refusalOf(saved: AboutCache, model: Model): string | null {
  if (saved.identity !== weightsOf(model)) return `It was saved by another model: ${saved.modelTitle}.`;
  if (saved.engine !== model.engine || saved.arithmetic !== model.arithmetic) {
    return `It was saved by the ${saved.engine} engine in ${saved.arithmetic} arithmetic; the model is loaded in the ${model.engine} engine in ${model.arithmetic} arithmetic.`;
  }
  if (saved.kvCodec !== model.kvCodec) {
    return `It was saved with a KV cache in ${saved.kvCodec}; the model is loaded with ${model.kvCodec}.`;
  }
  if (saved.context !== model.context) {
    return `It was saved with a context of ${saved.context} tokens; the model is loaded with ${model.context}.`;
  }
  return null;
}

export class SavedCaches {
  readonly #folder: string;

  constructor(cacheFolder: string) {
    this.#folder = join(cacheFolder, savedCachesName);
  }

  /** Newest first. What cannot be read is not listed. */
  async list(): Promise<StoredCache[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true }).catch(() => []);
    const folders = entries.filter((entry) => entry.isDirectory() && Id.safeParse(entry.name).success);
    const read = await Promise.all(folders.map(({ name }) => this.#read(name).catch(() => null)));
    return read.filter((cache) => cache !== null).sort((left, right) => right.savedAt - left.savedAt);
  }

  /** By its id or its name. Throws not-found. */
  async find(idOrName: string): Promise<StoredCache> {
    const all = await this.list();
    const found = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName);
    if (!found) throw new LabError('not-found', `There is no saved cache ${idOrName}.`);
    return found;
  }

  /** The engine's file. */
  fileOf({ id }: StoredCache): string {
    return join(this.#folder, id, fileName);
  }

  /**
   * `write` makes the engine's file. Throws bad-request where the name is taken, disk-full where there is no room for `expectedBytes`, and what writing throws; nothing
   * is left then.
   */
  async add(
    about: Omit<AboutCache, 'version' | 'savedAt' | 'tokens' | 'bytes'>,
    expectedBytes: number,
    write: (file: string) => Promise<{ tokens: number; bytes: number }>,
  ): Promise<StoredCache> {
    if ((await this.list()).some(({ name }) => name === about.name)) {
      throw new LabError('bad-request', `There is a saved cache ${about.name} already: take another name.`, {
        field: 'name',
      });
    }
    const id = newId();
    const partial = join(this.#folder, `${id}.partial-${process.pid}-0`);
    try {
      // What a person typed can be read from it.
      await mkdir(partial, { recursive: true, mode: 0o700 });
      await this.#requireRoom(expectedBytes);
      const written = await write(join(partial, fileName));
      const whole = AboutCache.parse({ ...about, ...written, version: 1, savedAt: Date.now() });
      await writeDurably(join(partial, aboutName), JSON.stringify(whole));
      await rename(partial, join(this.#folder, id));
      await makeNamesDurable(this.#folder);
      return { ...whole, id };
    } catch (error) {
      await rm(partial, { recursive: true, force: true }).catch(() => undefined);
      throw toldNoRoom(error, about.name, expectedBytes);
    }
  }

  /** Renamed first, so that nobody finds half of it. Throws not-found. */
  async remove(idOrName: string): Promise<StoredCache> {
    const cache = await this.find(idOrName);
    const removed = join(this.#folder, `${cache.id}.removed-${process.pid}-0`);
    await rename(join(this.#folder, cache.id), removed);
    await rm(removed, { recursive: true, force: true });
    return cache;
  }

  async #read(id: string): Promise<StoredCache> {
    const text = await readFile(join(this.#folder, id, aboutName), 'utf8');
    return { ...AboutCache.parse(JSON.parse(text)), id };
  }

  async #requireRoom(expectedBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize >= expectedBytes) return;
    throw new LabError('disk-full', `${mebibytes(bavail * bsize)} are free.`);
  }
}

function toldNoRoom(error: unknown, name: string, expectedBytes: number): LabError {
  const known = toLabError(error);
  if (known.code !== 'disk-full') return known;
  const message = `${name}: the disk has no room for this cache, which takes ${mebibytes(expectedBytes)}. Nothing was saved: make room and save it again.`;
  return new LabError('disk-full', message, {}, { cause: error });
}
