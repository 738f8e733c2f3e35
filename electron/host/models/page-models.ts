/**
 * Models as pages see them, by ids that stand for paths: those of the library, those that lie in model folders, and those that other
 * programs keep on this machine. The host looks at names and sizes; only engine processes read the files.
 */
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { ModelSummary, TensorEvent } from '../../contract/model-summary.ts';
import { LabError } from '../../contract/errors.ts';
import type { LibraryModel } from '../../contract/host-contract.ts';
import type { PageModel } from '../../contract/machine.ts';
import type { StreamContext } from '../../contract/rpc.ts';
import type { ModelFolder } from '../../contract/settings.ts';
import type { Services } from '../services.ts';
import { reasonOf } from './model-finder.ts';
import type { ModelPlace } from './model-places.ts';
import {
  folderAround,
  folderId,
  realPathOf,
  searchFolders,
  type ModelInFolder,
  type Search,
  type SearchedFolder,
} from './searched-folders.ts';
import { withoutPaths } from './without-paths.ts';

type Shared = Pick<Services, 'library' | 'settings' | 'grants' | 'text' | 'events' | 'notices'>;

export interface ModelPlaces {
  /** Absolute paths of folders that were named when the host started. */
  readonly folders: readonly string[];
  /** Folders of other programs. */
  readonly others: readonly ModelPlace[];
}

/** A model and where it lies. */
export interface LocatedModel {
  readonly path: string;
  readonly title: string;
}

interface LibraryEntry {
  readonly page: PageModel;
  readonly realPath: string;
}

export class PageModels {
  readonly #services: Shared;
  readonly #places: ModelPlaces;
  /** Keeps models that came into the library since: a page may still name them by the id they had before. */
  #latest: Search = { folders: [], models: new Map() };
  #searching: Promise<Search> | null = null;
  #lastAddition: Promise<unknown> = Promise.resolve();
  /** Problems that a notice told, by folder. */
  readonly #told = new Map<string, string>();

  constructor(services: Shared, places: ModelPlaces) {
    this.#services = services;
    this.#places = places;
  }

  /** The library's, those of model folders, those of other programs; each file once. */
  async list(): Promise<PageModel[]> {
    const { models, folders } = await this.#search();
    const library = await this.#library(folders);
    const taken = new Set(library.map(({ realPath }) => realPath));
    const others = [...models.values()].filter(({ model }) => !taken.has(model.realPath));
    return [...library.map(({ page }) => page), ...others.map(toPageModel)];
  }

  /** Where a listed model lies. Throws not-found for an unknown id and for a model that is not there any more. */
  async pathOf(id: string): Promise<LocatedModel> {
    const model = (await this.#inLibrary(id)) ?? (await this.#inFolders(id))?.model;
    if (!model) {
      const message = `There is no model ${id} any more: it was forgotten or moved. Choose another.`;
      throw new LabError('not-found', message);
    }
    const { path, title } = model;
    if (existsSync(path)) return { path, title };
    const message = `${title} is not there: its file was moved or deleted, or its disk is not connected.`;
    throw new LabError('not-found', message);
  }

  async inspect(id: string, signal: AbortSignal): Promise<ModelSummary> {
    return this.#readHeaders(await this.pathOf(id), signal);
  }

  /** Throws as the engine's operation. */
  async statistics(
    id: string,
    input: { readonly identity: string; readonly tensors: string[] | null },
    context: StreamContext<TensorEvent>,
  ): Promise<void> {
    const { path, title } = await this.pathOf(id);
    const paths = [path, await realPathOf(path)];
    await withoutPaths(title, paths, this.#services.text.statistics({ path, ...input }, context));
  }

  /** Adds what a person chose in the shell to the library, after its headers were read. */
  async import(grant: string, signal: AbortSignal): Promise<PageModel> {
    const path = this.#services.grants.pathOf(grant);
    return this.#addToLibrary({ path, title: basename(path) }, signal);
  }

  /** Adds a model of a folder to the library, where it lies. One that is there already stays as it is. */
  async adopt(id: string, signal: AbortSignal): Promise<PageModel> {
    return this.#addToLibrary(await this.pathOf(id), signal);
  }

  /** Takes it out of the library; no file is touched. */
  async forget(id: string): Promise<void> {
    const inFolder = (await this.#inLibrary(id)) ? null : await this.#inFolders(id);
    if (inFolder) {
      const { model, from } = inFolder;
      const message = `${model.title} is listed because it lies in ${from.title} and is not in the library.`;
      throw new LabError('bad-request', message);
    }
    await this.#services.library.remove(id);
    this.#services.events.emit({ type: 'models' });
  }

  /** Those that were named at the start come first. */
  async listFolders(): Promise<ModelFolder[]> {
    const { folders } = await this.#search();
    return folders.filter(({ kind }) => kind === 'folder').map(toModelFolder);
  }

  /** Lists the models of a folder that a person chose in the shell. */
  async addFolder(grant: string): Promise<ModelFolder> {
    const folder = await readableFolder(this.#services.grants.pathOf(grant));
    await this.#services.settings.changeModelFolders((folders) => [...new Set([...folders, folder])]);
    this.#services.events.emit({ type: 'models' });
    const added = (await this.listFolders()).find(({ id }) => id === folderId(folder));
    if (!added) throw new LabError('not-found', `${basename(folder)} was taken out of the list again.`);
    return added;
  }

  /** Its models are no longer listed; no file is touched. */
  async removeFolder(id: string): Promise<void> {
    if (this.#places.folders.some((folder) => folderId(folder) === id)) {
      const message = 'This folder was named when Retort started (--models-dir) and is listed until it ends.';
      throw new LabError('bad-request', message);
    }
    const isOther = (folder: string) => folderId(folder) !== id;
    if ((await this.#services.settings.modelFolders()).every(isOther)) {
      throw new LabError('not-found', 'This folder is not in the list any more.');
    }
    await this.#services.settings.changeModelFolders((folders) => folders.filter(isOther));
    this.#services.events.emit({ type: 'models' });
  }

  async #library(folders: readonly SearchedFolder[]): Promise<LibraryEntry[]> {
    const models = await this.#services.library.list();
    return Promise.all(
      models.map(async (model) => {
        const realPath = await realPathOf(model.path);
        return { page: ofLibrary(model, folderAround(realPath, folders)), realPath };
      }),
    );
  }

  async #inLibrary(id: string): Promise<LibraryModel | undefined> {
    return (await this.#services.library.list()).find(({ name }) => name === id);
  }

  async #inFolders(id: string): Promise<ModelInFolder | undefined> {
    return this.#latest.models.get(id) ?? (await this.#search()).models.get(id);
  }

  async #readHeaders({ path, title }: LocatedModel, signal: AbortSignal): Promise<ModelSummary> {
    const paths = [path, await realPathOf(path)];
    return withoutPaths(title, paths, this.#services.text.inspect(path, signal));
  }

  /** One after the other, so that a file that is chosen twice comes in once. */
  #addToLibrary(model: LocatedModel, signal: AbortSignal): Promise<PageModel> {
    const adding = this.#lastAddition.then(() => this.#add(model, signal));
    this.#lastAddition = adding.catch(() => undefined);
    return adding;
  }

  async #add(model: LocatedModel, signal: AbortSignal): Promise<PageModel> {
    const realPath = await realPathOf(model.path);
    const find = async () => {
      const library = await this.#library((await this.#search()).folders);
      return library.find((entry) => entry.realPath === realPath)?.page;
    };
    const known = await find();
    if (known) return known;
    const summary = await this.#readHeaders(model, signal);
    await this.#services.library.addUnderFreeName(model.path, model.title, summary);
    this.#services.events.emit({ type: 'models' });
    const added = await find();
    if (!added) throw new LabError('not-found', `${model.title} was forgotten again.`);
    return added;
  }

  /** Callers at the same moment share one search. */
  #search(): Promise<Search> {
    this.#searching ??= this.#searchAll().finally(() => (this.#searching = null));
    return this.#searching;
  }

  async #searchAll(): Promise<Search> {
    const named = [...this.#places.folders, ...(await this.#services.settings.modelFolders())];
    const search = await searchFolders([...new Set(named)], this.#places.others);
    this.#latest = search;
    for (const folder of search.folders) this.#tellProblem(folder);
    return search;
  }

  /** Once, until it changes. That another program was never here is no problem. */
  #tellProblem({ kind, title, folder, findings }: SearchedFolder): void {
    const isExpected = kind === 'found' && findings.folder === 'missing';
    const problem = isExpected ? null : findings.problem;
    if (problem !== null && problem !== this.#told.get(folder)) {
      const what =
        kind === 'folder' ? `The model folder ${title}` : `The folder of another program (${title})`;
      const level = kind === 'folder' ? 'warning' : 'info';
      this.#services.notices.add(level, `${what} ${problem}.`);
    }
    if (problem === null) this.#told.delete(folder);
    else this.#told.set(folder, problem);
  }
}

async function readableFolder(chosen: string): Promise<string> {
  const folder = await realpath(chosen).catch((error: unknown) => {
    throw new LabError('file-unreadable', `${basename(chosen)} cannot be read: ${reasonOf(error)}.`);
  });
  const [searched] = (await searchFolders([folder], [])).folders;
  if (searched?.findings.folder === 'read') return folder;
  throw new LabError('file-unreadable', `${basename(folder)} ${searched?.findings.problem ?? ''}.`);
}

/** `around`: the title of the searched folder that it lies in. */
function ofLibrary(model: LibraryModel, around: string | null): PageModel {
  const { name, title, format, architecture, bytes, bundled, present } = model;
  return {
    id: name,
    title,
    place: bundled ? 'With Retort' : (around ?? basename(dirname(model.path))),
    kind: bundled ? 'bundled' : 'added',
    format,
    architecture,
    bytes,
    isPresent: present,
  };
}

function toPageModel({ id, from, model }: ModelInFolder): PageModel {
  const { title, format, bytes, isWhole } = model;
  // Known once its headers are read.
  const architecture = null;
  return { id, title, place: from.title, kind: from.kind, format, architecture, bytes, isPresent: isWhole };
}

function toModelFolder({ folder, title, findings }: SearchedFolder): ModelFolder {
  const isPresent = findings.folder === 'read';
  return { id: folderId(folder), label: title, models: findings.models.length, isPresent };
}
