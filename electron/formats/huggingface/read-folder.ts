/** A Hugging Face folder with safetensors weights as a ModelSource. */
import { badFile, LabError } from '../../contract/errors.ts';
import type { JsonObject, ModelSource } from '../../contract/model-source.ts';
import { readJsonFile, readOptionalJson, type JsonFile } from '../json.ts';
import { readSafetensorsFolder } from '../safetensors/folder.ts';
import {
  folderName,
  isObject,
  readGenerationDefaults,
  readSpecialIds,
  readTemplates,
  readTokenizer,
  type NamedJson,
} from './folder-files.ts';
import { findPackedMatrices, readPackedScheme } from './packed-checkpoint.ts';

/**
 * Reads config.json, the tokenizer's files and the headers of the weights. `folder` is absolute. Code of the repository
 * (`auto_map`) is never run: a `model_type` that is not built in is refused by models/families. Throws coded errors.
 */
export async function readHuggingFaceFolder(folder: string): Promise<ModelSource> {
  const config = await readJsonFile(folder, 'config.json');
  const architecture = architectureOf(config.value);
  const generationConfig = await readOptionalJson(folder, 'generation_config.json');
  const { tokenizer, tokenizerConfig, files: tokenizerFiles } = await readTokenizer(folder);
  const templates = await readTemplates(folder, tokenizerConfig);
  const small = [config.file, ...(generationConfig ? [generationConfig.file] : [])];
  const before = [...small, ...tokenizerFiles, ...templates.files];
  const weights = await readSafetensorsFolder(folder, before.length);
  const files = [...before, ...weights.files];
  return {
    format: 'safetensors',
    path: folder,
    folder,
    name: folderName(folder),
    files,
    architecture,
    metadata: { kind: 'huggingface', config: config.value },
    tensors: weights.tensors,
    matrices: findPackedMatrices(
      weights.tensors,
      await readPackedScheme(folder, config),
      (tensor) => files[tensor.file]?.name ?? '',
    ),
    tokenizer,
    templates: templates.templates,
    special: readSpecialIds(idSources(config, generationConfig), tokenizer),
    generation: readGenerationDefaults(generationConfig),
    graphs: [],
  };
}

/** A vision model keeps its language model's ids and vocabulary size in `text_config`. */
function idSources(config: JsonFile, generationConfig: JsonFile | null): NamedJson[] {
  const text = config.value['text_config'];
  return [
    ...(generationConfig ? [generationConfig] : []),
    config,
    ...(isObject(text) ? [{ name: config.name, value: text }] : []),
  ];
}

/** `model_type`, known or not. */
function architectureOf(config: JsonObject): string {
  const type = config['model_type'];
  if (typeof type === 'string' && type !== '') return type;
  if (config['auto_map'] !== undefined) {
    const message = 'config.json: the model needs its own Python code (auto_map), which is never run.';
    throw new LabError('unsupported-architecture', message, { file: 'config.json', field: 'auto_map' });
  }
  throw badFile('expected the name of an architecture', { file: 'config.json', field: 'model_type' });
}
