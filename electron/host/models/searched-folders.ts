/** Folders that are searched for models, and ids for what lies in them. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import { findModels, type Findings, type FoundModel } from './model-finder.ts';
import type { ModelPlace } from './model-places.ts';

export interface SearchedFolder extends ModelPlace {
  /** folder: a person named it; found: another program's. */
  readonly kind: 'folder' | 'found';
  /** With links resolved. */
  readonly realFolder: string;
  readonly findings: Findings;
}

export interface ModelInFolder {
  readonly id: string;
  readonly from: SearchedFolder;
  readonly model: FoundModel;
}

export interface Search {
  readonly folders: readonly SearchedFolder[];
  /** By id; each file once, from the first folder that has it. */
  readonly models: ReadonlyMap<string, ModelInFolder>;
}

/** Searches folders that a person named and those of other programs. */
export async function searchFolders(
  named: readonly string[],
  others: readonly ModelPlace[],
): Promise<Search> {
  const folders = await Promise.all([
    ...namedPlaces(named).map((place) => searchPlace('folder', place)),
    ...others.map((place) => searchPlace('found', place)),
  ]);
  const models = new Map<string, ModelInFolder>();
  for (const from of folders) {
    for (const model of from.findings.models) {
      const id = `${from.kind}-${shortHash(model.realPath)}`;
      const isKnown = ['folder', 'found'].some((kind) => models.has(`${kind}-${shortHash(model.realPath)}`));
      if (!isKnown) models.set(id, { id, from, model });
    }
  }
  return { folders, models };
}

async function searchPlace(kind: SearchedFolder['kind'], place: ModelPlace): Promise<SearchedFolder> {
  const findings = await findModels((finder) => place.search(finder));
  return { ...place, kind, realFolder: await realPathOf(place.folder), findings };
}

/** A folder's name says which it is; where two have the same, with the name of the folder around them. */
function namedPlaces(folders: readonly string[]): ModelPlace[] {
  const names = folders.map((folder) => basename(folder) || folder);
  return folders.map((folder, index) => {
    const name = names[index] ?? folder;
    const isShared = names.indexOf(name) !== names.lastIndexOf(name);
    return {
      title: isShared ? `${basename(dirname(folder))}/${name}` : name,
      folder,
      search: (finder) => finder.searchFolder(folder, (below) => below.at(-1) ?? name),
    };
  });
}

/** Pages name a model folder by it. */
export function folderId(folder: string): string {
  return `place-${shortHash(folder)}`;
}

/** The title of the searched folder that a file lies in; null: it lies elsewhere. */
export function folderAround(realPath: string, folders: readonly SearchedFolder[]): string | null {
  const around = folders.find(
    ({ realFolder }) => realPath.startsWith(realFolder + sep) || realPath === realFolder,
  );
  return around?.title ?? null;
}

/** The path itself where it leads nowhere. */
export function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function shortHash(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}
