/** The text of settings.json and what it means. Pure. */
import { z } from 'zod';
import { Preset, Settings, type SettingsChange } from '../../contract/settings.ts';

export type StoredObject = Readonly<Record<string, unknown>>;

export interface StoredSettings {
  /** Everything that the file holds, also what only a newer Retort understands. */
  readonly raw: StoredObject;
  readonly settings: Settings;
  /** Absolute paths, which pages never see. */
  readonly modelFolders: readonly string[];
  /** Fields whose values this version does not understand; the usual values stand in for them. */
  readonly unreadable: readonly string[];
}

/** Beside the settings in the same file. */
const foldersField = 'modelFolders';
const Path = z.string().min(1).max(4096);
const StoredObject = z.record(z.string(), z.unknown());
/** With fields that a newer version may have added left out. */
const KnownPreset = z.object(Preset.shape);

/** Throws where the text is no JSON object. */
export function parseStored(text: string): StoredSettings {
  const parsed = StoredObject.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error('it holds no object');
  return understand(parsed.data);
}

export function understand(raw: StoredObject): StoredSettings {
  const unreadable: string[] = [];
  const read = <S extends z.ZodType>(name: string, schema: S): z.output<S> => {
    const result = schema.safeParse(raw[name]);
    if (result.success) return result.data;
    unreadable.push(name);
    return schema.parse(undefined);
  };
  const fields = Object.entries(Settings.shape).map(([name, schema]) =>
    name === 'presets' ? [name, readItems(KnownPreset, name, raw, unreadable)] : [name, read(name, schema)],
  );
  const settings = Settings.parse(Object.fromEntries(fields));
  const modelFolders = readItems(Path, foldersField, raw, unreadable);
  return { raw, settings, modelFolders, unreadable };
}

/** Each for itself, so that one that cannot be read hides no other. */
function readItems<S extends z.ZodType>(
  schema: S,
  name: string,
  raw: StoredObject,
  unreadable: string[],
): z.output<S>[] {
  return asList(raw[name]).flatMap((item, index) => {
    const result = schema.safeParse(item);
    if (result.success) return [result.data];
    unreadable.push(`${name}[${index}]`);
    return [];
  });
}

export function withChange(raw: StoredObject, change: SettingsChange): StoredObject {
  const changed = change.presets
    ? { ...change, presets: withUnknown(asList(raw['presets']), change.presets) }
    : change;
  return { ...raw, ...changed };
}

export function withModelFolders(raw: StoredObject, folders: readonly string[]): StoredObject {
  return { ...raw, [foldersField]: folders };
}

/** The new presets with what only a newer version understands of the old ones. */
function withUnknown(old: readonly unknown[], presets: readonly Preset[]): unknown[] {
  const known = new Map(old.flatMap((item) => (isPreset(item) ? [[item.id, item] as const] : [])));
  const kept = old.filter((item) => !isPreset(item));
  return [...presets.map((preset) => ({ ...known.get(preset.id), ...preset })), ...kept];
}

const isPreset = (item: unknown): item is Preset => KnownPreset.safeParse(item).success;
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
