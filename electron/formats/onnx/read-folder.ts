/** ONNX folders of onnxruntime-genai (genai_config.json) and of optimum and transformers.js (config.json beside graphs) as a ModelSource. */
import { basename, join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { badFile, LabError, toLabError } from '../../contract/errors.ts';
import type {
  Json,
  JsonObject,
  ModelSource,
  OnnxGraph,
  QuantizedMatrix,
  SourceFile,
  TensorInfo,
} from '../../contract/model-source.ts';
import {
  isObject,
  readGenerationDefaults,
  readSpecialIds,
  readTemplates,
  readTokenizer,
  type NamedJson,
} from '../huggingface/folder-files.ts';
import { readOptionalJson, type JsonFile } from '../json.ts';
import { readGraph, type GraphPlace } from './read-graph.ts';

const genaiConfigName = 'genai_config.json';

interface FolderConfigs {
  readonly config: JsonFile | null;
  readonly generation: JsonFile | null;
  /** genai_config.json with its `model` part. */
  readonly genai: { readonly file: JsonFile; readonly model: JsonObject } | null;
}

/**
 * Reads configurations, tokenizer and graph structure of an absolute `folder`; no weights. Throws coded errors; not-found where the
 * folder holds neither layout.
 */
export async function readOnnxFolder(folder: string): Promise<ModelSource> {
  const configs = await readConfigs(folder);
  const places = configs.genai ? genaiPlaces(configs.genai.model) : await plainPlaces(folder);
  const { tokenizer, tokenizerConfig, files: tokenizerFiles } = await readTokenizer(folder);
  const templates = await readTemplates(folder, tokenizerConfig);
  const jsonFiles = [configs.genai?.file, configs.config, configs.generation];
  const before = [
    ...jsonFiles.flatMap((json) => (json ? [json.file] : [])),
    ...tokenizerFiles,
    ...templates.files,
  ];
  const graphs = await readGraphs(folder, places, before);
  const search = configs.genai?.file.value['search'];
  return {
    format: configs.genai ? 'genai' : 'transformersjs',
    path: folder,
    folder,
    name: basename(folder),
    ...graphs,
    architecture: architectureOf(configs),
    metadata: { kind: 'huggingface', config: configs.config?.value ?? derivedConfig(configs) },
    tokenizer,
    templates: templates.templates,
    special: readSpecialIds(idSources(configs), tokenizer),
    generation: readGenerationDefaults(
      isObject(search) ? { name: genaiConfigName, value: search } : configs.generation,
    ),
  };
}

async function readConfigs(folder: string): Promise<FolderConfigs> {
  const genai = await readOptionalJson(folder, genaiConfigName);
  const config = await readOptionalJson(folder, 'config.json');
  const generation = await readOptionalJson(folder, 'generation_config.json');
  if (!genai && !config) {
    const message = 'The folder holds neither genai_config.json nor config.json.';
    throw new LabError('not-found', message, { file: 'config.json' });
  }
  if (!genai) return { config, generation, genai: null };
  return { config, generation, genai: { file: genai, model: objectIn(genai.value, 'model', 'model') } };
}

function objectIn(parent: JsonObject, key: string, field: string): JsonObject {
  const value = parent[key];
  if (isObject(value)) return value;
  throw badFile('expected an object', { file: genaiConfigName, field });
}

/** The graphs that genai_config.json names. */
function genaiPlaces(model: JsonObject): GraphPlace[] {
  const decoder = objectIn(model, 'decoder', 'model.decoder');
  const pipeline = decoder['pipeline'];
  if (Array.isArray(pipeline) && pipeline.length > 0) {
    const message = `${genaiConfigName}: decoders split into a pipeline are not supported.`;
    throw new LabError('unsupported-feature', message, {
      file: genaiConfigName,
      field: 'model.decoder.pipeline',
    });
  }
  const optional = (['embedding', 'vision'] as const).flatMap((role) => {
    const part = model[role];
    return isObject(part) ? [{ name: fileName(part, `model.${role}`), role, isNamedInside: true }] : [];
  });
  return [{ name: fileName(decoder, 'model.decoder'), role: 'decoder', isNamedInside: true }, ...optional];
}

function fileName(part: JsonObject, field: string): string {
  const name = part['filename'];
  if (typeof name === 'string' && name !== '') return name;
  throw badFile('expected a file name', { file: genaiConfigName, field: `${field}.filename` });
}

/** From what everything runs to what only some devices run fast. */
const suffixes = ['', '_q4', '_quantized', '_int8', '_uint8', '_q4f16', '_fp16', '_bnb4'];
/** A merged decoder caches; `decoder_model` alone re-reads the whole sequence for every token. */
const decoderBases = ['model', 'decoder_model_merged', 'decoder_model'];

/**
 * `onnx/` before the root; the bases above in order, each with the suffixes in order; else the only graph there is. Throws not-found, or
 * bad-request naming the candidates where none is preferred.
 */
async function plainPlaces(folder: string): Promise<GraphPlace[]> {
  const isGraph = (name: string) => name.endsWith('.onnx');
  const inSubfolder = (await namesIn(join(folder, 'onnx'))).filter(isGraph).map((name) => `onnx/${name}`);
  const names = [...inSubfolder, ...(await namesIn(folder)).filter(isGraph)];
  const decoder = firstOf(names, decoderBases) ?? (names.length === 1 ? names[0] : undefined);
  if (decoder === undefined) {
    const some = names.slice(0, 8).join(', ');
    const message = `Which graph is the decoder cannot be told: ${some}. Name it model.onnx.`;
    throw names.length === 0
      ? new LabError('not-found', 'The folder holds no .onnx file.', { file: 'onnx/model.onnx' })
      : new LabError('bad-request', message, {});
  }
  const place = (name: string | undefined, role: OnnxGraph['role']) =>
    name === undefined ? [] : [{ name, role, isNamedInside: false }];
  return [
    ...place(decoder, 'decoder'),
    ...place(firstOf(names, ['embed_tokens']), 'embedding'),
    ...place(firstOf(names, ['vision_encoder']), 'vision'),
  ];
}

function firstOf(names: readonly string[], bases: readonly string[]): string | undefined {
  const wanted = bases.flatMap((base) => suffixes.map((suffix) => `${base}${suffix}.onnx`));
  const inOrder = ['onnx/', ''].flatMap((folder) => wanted.map((name) => folder + name));
  return inOrder.find((name) => names.includes(name));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw toLabError(error);
  }
}

interface ReadGraphs {
  readonly files: readonly SourceFile[];
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly matrices: ReadonlyMap<string, QuantizedMatrix>;
  readonly graphs: readonly OnnxGraph[];
}

/** All graphs; tensors and matrices are the decoder's, since other graphs repeat its names. */
async function readGraphs(
  folder: string,
  places: readonly GraphPlace[],
  before: readonly SourceFile[],
): Promise<ReadGraphs> {
  const files = [...before];
  const graphs: OnnxGraph[] = [];
  let tensors: ReadonlyMap<string, TensorInfo> = new Map();
  let matrices: ReadonlyMap<string, QuantizedMatrix> = new Map();
  for (const place of places) {
    const read = await readGraph(folder, place, files.length);
    files.push(...read.files);
    graphs.push(read.graph);
    if (place.role === 'decoder') ({ tensors, matrices } = read);
  }
  return { files, tensors, matrices, graphs };
}

function architectureOf({ config, genai }: FolderConfigs): string {
  const type = config?.value['model_type'] ?? genai?.model['type'];
  if (typeof type === 'string' && type !== '') return type;
  const detail = config
    ? { file: config.name, field: 'model_type' }
    : { file: genaiConfigName, field: 'model.type' };
  throw badFile('expected the name of an architecture', detail);
}

/** genai_config.json in the words of config.json, as far as it goes. */
function derivedConfig({ genai }: FolderConfigs): JsonObject {
  const model = genai?.model ?? {};
  const decoder = isObject(model['decoder']) ? model['decoder'] : {};
  const words: Record<string, Json | undefined> = {
    model_type: model['type'],
    vocab_size: model['vocab_size'],
    max_position_embeddings: model['context_length'],
    bos_token_id: model['bos_token_id'],
    eos_token_id: model['eos_token_id'],
    pad_token_id: model['pad_token_id'],
    hidden_size: decoder['hidden_size'],
    head_dim: decoder['head_size'],
    num_attention_heads: decoder['num_attention_heads'],
    num_key_value_heads: decoder['num_key_value_heads'],
    num_hidden_layers: decoder['num_hidden_layers'],
  };
  return Object.fromEntries(
    Object.entries(words).filter((word): word is [string, Json] => word[1] !== undefined),
  );
}

function idSources({ config, generation, genai }: FolderConfigs): NamedJson[] {
  const model: NamedJson[] = genai ? [{ name: genaiConfigName, value: genai.model }] : [];
  return [...(generation ? [generation] : []), ...model, ...(config ? [config] : [])];
}
