/** From a model file's headers to a ModelSpec and its weights. */
import { badFile, LabError } from '../../electron/contract/errors.ts';
import { originalFormat, type ModelSource } from '../../electron/contract/model-source.ts';
import type { Family } from './family.ts';
import { gemma2, gemma3 } from './gemma.ts';
import { gpt2 } from './gpt2.ts';
import { HyperParameters, languageConfig } from './hyper-parameters.ts';
import { llama, mistral } from './llama.ts';
import { mamba, mamba2 } from './mamba.ts';
import { mixtral } from './mixtral.ts';
import type { ModelSpec, ResolvedModel } from './model-spec.ts';
import type { NameTable } from './name-tables.ts';
import { olmoe } from './olmoe.ts';
import { opt } from './opt.ts';
import { phi3 } from './phi3.ts';
import { qwen2, qwen3, qwen3Moe } from './qwen.ts';
import { WeightFinder } from './weights.ts';

/** The first that takes a file reads it: mixtral stands before llama, whose GGUF name it bears. */
export const families: readonly Family[] = [
  mixtral,
  llama,
  mistral,
  qwen2,
  qwen3,
  qwen3Moe,
  gemma2,
  gemma3,
  phi3,
  gpt2,
  opt,
  olmoe,
  mamba,
  mamba2,
];

interface Match {
  readonly family: Family;
  readonly h: HyperParameters;
  readonly finder: WeightFinder;
  readonly spec: ModelSpec;
}

/**
 * The architecture of a file as data, without looking for its weights. Throws `unsupported-architecture` naming it,
 * `unsupported-feature` for a variant that is not built, `bad-file` naming the field for impossible hyper-parameters.
 */
export function resolveSpec(source: ModelSource): ModelSpec {
  return match(source).spec;
}

/** The spec and every canonical weight, found and of the right shape. Throws as resolveSpec does, and bad-file listing weights that are missing or ill-shaped. */
export function resolveModel(source: ModelSource): ResolvedModel {
  const { family, h, finder, spec } = match(source);
  return { spec, weights: finder.resolve(spec, family.biases?.(h) ?? []) };
}

function match(source: ModelSource): Match {
  const { family, table } = findFamily(source);
  const h = HyperParameters.of(source, family.nestedDefaults);
  const finder = new WeightFinder(source, table);
  const read = family.read({
    h,
    tensors: source.tensors,
    embeddingRows: finder.embeddingRows(),
    normsMinusOne: originalFormat(source) === 'safetensors',
  });
  const tied = isTied(source, family, h, finder);
  return { family, h, finder, spec: { ...read, family: family.name, head: { ...read.head, tied } } };
}

function findFamily(source: ModelSource): { family: Family; table: NameTable } {
  const isGguf = source.metadata.kind === 'gguf';
  const architecture = architectureOf(source);
  const family = families.find(
    (candidate) =>
      (isGguf ? candidate.ggufArchitectures : candidate.modelTypes).includes(architecture) &&
      (!isGguf || !candidate.takes || candidate.takes(HyperParameters.of(source))),
  );
  const { gguf, huggingFace, onnx } = family?.names ?? { gguf: null, huggingFace: null, onnx: null };
  const table = isGguf ? gguf : originalFormat(source) === 'safetensors' ? huggingFace : onnx;
  if (!family) {
    const message = `The architecture "${architecture}" is not supported.`;
    throw new LabError('unsupported-architecture', message, { architecture });
  }
  if (!table || (isOnnx(source) && !hasConfig(source))) {
    const reason = table ? 'its folder has no config.json' : `weights of ${family.name} graphs have no names`;
    throw new LabError('unsupported-feature', `This graph runs only as it was exported: ${reason}.`, {
      architecture,
    });
  }
  return { family, table };
}

function isOnnx(source: ModelSource): boolean {
  const format = originalFormat(source);
  return format === 'genai' || format === 'transformersjs';
}

/** genai_config.json alone leaves rope and norms to the graph; config.json has them. A pack is made only where it was there. */
function hasConfig({ pack, files }: ModelSource): boolean {
  return pack !== undefined || files.some(({ name }) => name === 'config.json');
}

/** model_type of the language model, or general.architecture. */
function architectureOf(source: ModelSource): string {
  if (source.metadata.kind === 'gguf') return source.architecture;
  const { config, nested } = languageConfig(source.metadata.config);
  if (!nested) return source.architecture;
  const type = Object.hasOwn(config, 'model_type') ? config['model_type'] : undefined;
  return typeof type === 'string' ? type : source.architecture;
}

/** GGUF and ONNX files hold a head unless it is tied; in HF files config.json decides, and a missing head is the embedding. */
function isTied(source: ModelSource, family: Family, h: HyperParameters, finder: WeightFinder): boolean {
  const isMissing = !finder.hasHead();
  if (source.metadata.kind === 'gguf' || isOnnx(source)) return isMissing;
  const top = source.metadata.config;
  const outer = Object.hasOwn(top, 'tie_word_embeddings') ? top['tie_word_embeddings'] : null;
  if (outer !== null && typeof outer !== 'boolean') {
    throw badFile('must be true or false', { file: 'config.json', field: 'tie_word_embeddings' });
  }
  return h.boolean('tie_word_embeddings', outer ?? family.tiesByDefault) || isMissing;
}
