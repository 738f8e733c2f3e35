/**
 * The text files that Hugging Face, onnxruntime-genai and transformers.js folders share: tokenizer, chat templates, special
 * ids and generation defaults.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isUtf8 } from 'node:buffer';
import { badFile, toLabError } from '../../contract/errors.ts';
import type {
  GenerationDefaults,
  Json,
  JsonObject,
  NamedTemplate,
  SourceFile,
  SpecialIds,
  TokenizerSource,
} from '../../contract/model-source.ts';
import { findInfill } from '../infill-tokens.ts';
import { orNull, readOptionalJson, readWholeFile, type JsonFile } from '../json.ts';

const mebibyte = 1_048_576;
const maximumTokenizerBytes = 256 * mebibyte;
const maximumTokenizerConfigBytes = 64 * mebibyte;
export const maximumTemplateBytes = mebibyte;
export const maximumTemplates = 64;
/** The largest seen in public models is 65,536 and some. */
const maximumAddedTokens = 262_144;

/** A part of the folder's configuration that may name special ids: config.json, generation_config.json, a genai `model`. */
export interface NamedJson {
  readonly name: string;
  readonly value: JsonObject;
}

export interface TokenizerFiles {
  /** Null where the folder has no tokenizer.json. */
  readonly tokenizer: TokenizerSource | null;
  /** tokenizer_config.json, or an empty object. */
  readonly tokenizerConfig: JsonObject;
  readonly files: readonly SourceFile[];
}

export interface TemplateFiles {
  readonly templates: readonly NamedTemplate[];
  readonly files: readonly SourceFile[];
}

/** The folder's name to show; a snapshot of the Hugging Face cache is named after its repository. */
export function folderName(folder: string): string {
  const snapshots = dirname(folder);
  const repository = basename(dirname(snapshots));
  if (basename(snapshots) !== 'snapshots' || !repository.startsWith('models--')) return basename(folder);
  return repository.slice('models--'.length).replace('--', '/');
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

const filesOf = (...read: (JsonFile | null)[]) => read.flatMap((one) => (one ? [one.file] : []));

/** Reads tokenizer.json and tokenizer_config.json where present. Throws bad-file. */
export async function readTokenizer(folder: string): Promise<TokenizerFiles> {
  const tokenizer = await readOptionalJson(folder, 'tokenizer.json', maximumTokenizerBytes);
  const config = await readOptionalJson(folder, 'tokenizer_config.json', maximumTokenizerConfigBytes);
  if (tokenizer) checkTokenizer(tokenizer);
  const tokenizerConfig = config?.value ?? {};
  return {
    tokenizer: tokenizer && { kind: 'huggingface', tokenizer: tokenizer.value, config: tokenizerConfig },
    tokenizerConfig,
    files: filesOf(tokenizer, config),
  };
}

/** What is relied upon of a tokenizer.json. Throws bad-file. */
export function checkTokenizer({ name, value }: NamedJson): void {
  if (!isObject(value['model'])) throw badFile('expected an object', { file: name, field: 'model' });
  const added = value['added_tokens'] ?? [];
  const detail = { file: name, field: 'added_tokens' };
  if (!isArray(added)) throw badFile('expected a list', detail);
  if (added.length > maximumAddedTokens) {
    throw badFile(`${added.length} added tokens, at most ${maximumAddedTokens} are allowed`, detail);
  }
  added.forEach((token, index) => {
    if (!isObject(token) || typeof token['content'] !== 'string' || !isId(token['id'])) {
      const field = `added_tokens[${index}]`;
      throw badFile('expected an object with content and id', { file: name, field });
    }
  });
}

/**
 * Chat templates: chat_template.jinja with additional_chat_templates/*.jinja, else chat_template.json, else `chat_template` of
 * tokenizer_config.json (a string, or a list of {name, template}). Throws bad-file.
 */
export async function readTemplates(folder: string, tokenizerConfig: JsonObject): Promise<TemplateFiles> {
  const own = await readTemplateFiles(folder);
  if (own.templates.length > 0) return own;
  const processor = await readOptionalJson(folder, 'chat_template.json', 2 * maximumTemplateBytes);
  if (processor) {
    return { templates: templatesIn(processor.value, processor.name), files: [processor.file] };
  }
  return { templates: templatesIn(tokenizerConfig, 'tokenizer_config.json'), files: [] };
}

async function readTemplateFiles(folder: string): Promise<TemplateFiles> {
  const more = 'additional_chat_templates';
  const names = await readdir(join(folder, more)).catch((error: unknown) => {
    const known = toLabError(error);
    if (known.code === 'not-found' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return [];
    throw known;
  });
  const jinja = names.filter((name) => name.endsWith('.jinja')).sort();
  if (jinja.length > maximumTemplates) {
    throw badFile(`more than ${maximumTemplates} templates`, { file: more });
  }
  const wanted = [
    { name: 'default', file: 'chat_template.jinja' },
    ...jinja.map((name) => ({ name: name.slice(0, -'.jinja'.length), file: `${more}/${name}` })),
  ];
  const templates: NamedTemplate[] = [];
  const files: SourceFile[] = [];
  for (const { name, file } of wanted) {
    const read = await orNull(readWholeFile(folder, file, maximumTemplateBytes));
    if (!read) continue;
    if (!isUtf8(read.bytes)) throw badFile('not valid UTF-8', { file });
    templates.push({ name, template: read.bytes.toString('utf8') });
    files.push(read.file);
  }
  return { templates, files };
}

function templatesIn(config: JsonObject, file: string): NamedTemplate[] {
  const value = config['chat_template'];
  const field = 'chat_template';
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ name: 'default', template: checkedTemplate(value, file, field) }];
  if (!isArray(value) || value.length > maximumTemplates) {
    throw badFile(`expected a string or a list of at most ${maximumTemplates}`, { file, field });
  }
  return value.map((item, index) => {
    const at = `${field}[${index}]`;
    if (!isObject(item) || typeof item['name'] !== 'string' || typeof item['template'] !== 'string') {
      throw badFile('expected an object with name and template', { file, field: at });
    }
    return { name: item['name'], template: checkedTemplate(item['template'], file, at) };
  });
}

function checkedTemplate(template: string, file: string, field: string): string {
  if (template.length <= maximumTemplateBytes) return template;
  throw badFile(`the template is longer than ${maximumTemplateBytes} characters`, { file, field });
}

const isId = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff;

/**
 * Special ids: the tokenizer's own first, then each configuration in the order given; the ends are the union of all of them.
 * −1 and null mean none; a padding id outside `vocab_size` is none too (nothing is ever padded with it), and so is a fill-in
 * token. Throws bad-file for any other id that is not one of the vocabulary.
 */
export function readSpecialIds(configs: readonly NamedJson[], tokenizer: TokenizerSource | null): SpecialIds {
  const size = configs.map((config) => config.value['vocab_size']).find((value) => value !== undefined);
  const limit = isId(size) ? size : Infinity;
  const own = (field: string) => {
    const id = tokenizer?.kind === 'huggingface' ? tokenId(tokenizer, field) : null;
    return id === null ? [] : [id];
  };
  const all = (field: string) => configs.flatMap((config) => idsIn(config, field));
  const checked = (field: string) => {
    for (const { id, file } of all(field)) {
      if (id >= limit) throw badFile(`id ${id} is not below vocab_size ${limit}`, { file, field });
    }
    return [...own(field.replace(/_id$/, '')), ...all(field).map(({ id }) => id)];
  };
  const first = (ids: readonly number[]) => ids[0] ?? null;
  const lenient = (field: string) =>
    first([...own(field.replace(/_id$/, '')), ...all(field).map(({ id }) => id)].filter((id) => id < limit));
  const infill = findInfill((name) => {
    const id = tokenizer?.kind === 'huggingface' ? idOfToken(tokenizer, name) : null;
    return id !== null && id < limit ? id : null;
  });
  return {
    bos: first(checked('bos_token_id')),
    ends: [...new Set([...checked('eos_token_id'), ...infill.ends])],
    unknown: lenient('unk_token_id'),
    padding: lenient('pad_token_id'),
    infill: infill.tokens,
  };
}

function idsIn(config: NamedJson, field: string): { id: number; file: string }[] {
  const value = config.value[field] ?? [];
  const ids = isArray(value) ? value : [value];
  return ids.flatMap((id) => {
    if (id === -1) return [];
    if (isId(id)) return [{ id, file: config.name }];
    throw badFile('expected an id or a list of ids', { file: config.name, field });
  });
}

/** The id of a special token that tokenizer_config.json names by its text. */
function tokenId(source: TokenizerSource & { kind: 'huggingface' }, field: string): number | null {
  const named = source.config[field];
  const content = isObject(named) ? named['content'] : named;
  return typeof content === 'string' ? idOfToken(source, content) : null;
}

function idOfToken(source: TokenizerSource & { kind: 'huggingface' }, content: string): number | null {
  const added = (source.tokenizer['added_tokens'] ?? []) as readonly JsonObject[];
  const id = added.find((token) => token['content'] === content)?.['id'];
  if (isId(id)) return id;
  const model = source.tokenizer['model'];
  const vocabulary = isObject(model) ? model['vocab'] : undefined;
  if (!isObject(vocabulary) || !Object.hasOwn(vocabulary, content)) return null;
  const known = vocabulary[content];
  return isId(known) ? known : null;
}

const defaultRanges = {
  temperature: { field: 'temperature', ok: (value: number) => value >= 0 && value <= 100 },
  topK: {
    field: 'top_k',
    ok: (value: number) => Number.isInteger(value) && value >= 0 && value <= 10_000_000,
  },
  topP: { field: 'top_p', ok: (value: number) => value > 0 && value <= 1 },
  minP: { field: 'min_p', ok: (value: number) => value >= 0 && value <= 1 },
  repetitionPenalty: { field: 'repetition_penalty', ok: (value: number) => value > 0 && value <= 100 },
} as const;

/**
 * Sampling defaults of generation_config.json (or a genai `search`): only what the file states; `do_sample` false is temperature 0,
 * a number out of range is no default. Throws bad-file for a value of the wrong type.
 */
export function readGenerationDefaults(config: NamedJson | null): GenerationDefaults {
  if (!config) return {};
  const defaults: Partial<Record<keyof GenerationDefaults, number>> = {};
  for (const key of Object.keys(defaultRanges) as (keyof GenerationDefaults)[]) {
    const { field, ok } = defaultRanges[key];
    const value = config.value[field] ?? null;
    if (value === null) continue;
    if (typeof value !== 'number') throw badFile('expected a number', { file: config.name, field });
    if (ok(value)) defaults[key] = value;
  }
  if (config.value['do_sample'] === false) defaults.temperature = 0;
  return defaults;
}
