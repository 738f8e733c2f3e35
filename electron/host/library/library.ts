/** Names for models: those that come with Retort and those a person added. Files are only looked for here, never read. */
import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { ModelSummary } from '../../contract/model-summary.ts';
import { LabError } from '../../contract/errors.ts';
import type { LibraryModel, ModelReference } from '../../contract/host-contract.ts';
import { Id } from '../../contract/identifiers.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/store-contract.ts';
import { readCatalogue } from './catalogue.ts';

export class Library {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async list(): Promise<LibraryModel[]> {
    const bundled = await this.#bundled();
    const added = await this.#store.run('SELECT * FROM models ORDER BY name');
    return [...bundled, ...added.map(toModel)];
  }

  /** The file or folder that a reference means. Throws not-found with the names there are. */
  async resolve(reference: ModelReference): Promise<{ name: string; path: string }> {
    const known = Id.safeParse(reference.name).success ? await this.#find(reference.name) : undefined;
    if (known?.present) return { name: known.name, path: known.path };
    if (reference.path !== null && existsSync(reference.path)) {
      return { name: basename(reference.path), path: reference.path };
    }
    if (known) throw new LabError('not-found', `${known.name}: ${known.path} is not there any more.`);
    const names = (await this.list()).map((model) => model.name);
    throw new LabError(
      'not-found',
      `There is no model ${JSON.stringify(reference.name)}: neither a file or folder nor one of the library (${names.join(', ')}).`,
    );
  }

  /** Adds a model whose headers were read. Throws bad-request where the name is taken. */
  async add(path: string, wanted: string | null, summary: ModelSummary): Promise<LibraryModel> {
    const name = wanted ?? nameOf(path);
    const added = await this.#insert(path, name, summary);
    if (!added) throw taken(name);
    return added;
  }

  /** Adds it under a name made from `title`, with a number where that is taken. */
  async addUnderFreeName(path: string, title: string, summary: ModelSummary): Promise<LibraryModel> {
    const name = nameOf(title);
    for (let number = 1; ; number++) {
      const added = await this.#insert(path, number === 1 ? name : numbered(name, number), summary);
      if (added) return added;
    }
  }

  /** Throws not-found, and bad-request for a bundled model. */
  async remove(name: string): Promise<LibraryModel> {
    if ((await this.#bundled()).some((model) => model.name === name)) {
      throw new LabError('bad-request', `${name} comes with Retort and stays in the library.`);
    }
    const [row] = await this.#store.run('DELETE FROM models WHERE name = ? RETURNING *', name);
    if (!row) throw new LabError('not-found', `There is no model ${name} in the library.`);
    return toModel(row);
  }

  async #find(name: string): Promise<LibraryModel | undefined> {
    const bundled = (await this.#bundled()).find((model) => model.name === name);
    if (bundled) return bundled;
    const [row] = await this.#store.run('SELECT * FROM models WHERE name = ?', name);
    return row && toModel(row);
  }

  /** Null: the name is taken. */
  async #insert(path: string, name: string, summary: ModelSummary): Promise<LibraryModel | null> {
    if ((await this.#bundled()).some((model) => model.name === name)) return null;
    const [row] = await this.#store.run(
      `INSERT INTO models (name, title, path, format, architecture, bytes, added_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO NOTHING RETURNING *`,
      ...[name, summary.name, path, summary.format, summary.architecture, summary.bytes, Date.now()],
    );
    return row ? toModel(row) : null;
  }

  async #bundled(): Promise<LibraryModel[]> {
    const entries = await readCatalogue();
    return entries.map((entry) => ({ ...entry, bundled: true, present: existsSync(entry.path) }));
  }
}

const longestName = 64;

function numbered(name: string, number: number): string {
  const ending = `-${number}`;
  return `${name.slice(0, longestName - ending.length)}${ending}`;
}

function taken(name: string): LabError {
  return new LabError(
    'bad-request',
    `The library has a model ${name} already: choose another name (--name).`,
  );
}

/** A library name from a file's or folder's: small letters, digits and single hyphens. */
export function nameOf(path: string): string {
  const ending = extname(path);
  const stem = /^\.(gguf|retortpack)$/i.test(ending) ? basename(path, ending) : basename(path);
  const name = stem
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longestName)
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'model' : name;
}

function toModel(row: Row): LibraryModel {
  const path = String(row['path']);
  return {
    name: String(row['name']),
    title: String(row['title']),
    path,
    format: String(row['format']),
    architecture: String(row['architecture']),
    bytes: Number(row['bytes']),
    bundled: false,
    present: existsSync(path),
  };
}
