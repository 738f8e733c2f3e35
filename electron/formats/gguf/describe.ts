/** What a GGUF model's metadata and tensor table say of it, checked against each other; the same for a GGUF file and for a pack of one. */
import { LabError } from '../../contract/errors.ts';
import type { GenerationDefaults, ModelSource, TensorInfo } from '../../contract/model-source.ts';
import { checkHyperParameters } from './check-hyper-parameters.ts';
import type { GgufMetadata } from './metadata.ts';
import {
  checkEmbedding,
  readSpecialIds,
  readTemplates,
  readTokenizer,
  withControlTokens,
} from './vocabulary.ts';

export type GgufDescription = Pick<
  ModelSource,
  'architecture' | 'metadata' | 'tokenizer' | 'templates' | 'special' | 'generation'
>;

/** Throws bad-file naming the key, and unsupported-format for files that are no model of their own. */
export function describeGguf(
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, TensorInfo>,
): GgufDescription {
  const architecture = readArchitecture(metadata);
  const tokenizer = readTokenizer(metadata);
  const tokenCount = tokenizer?.tokens.length ?? null;
  checkHyperParameters(metadata, architecture, tensors);
  checkEmbedding(metadata, architecture, tensors, tokenCount);
  const special = readSpecialIds(metadata, tokenizer);
  return {
    architecture,
    metadata: { kind: 'gguf', values: metadata.values },
    tokenizer: withControlTokens(tokenizer, special),
    templates: readTemplates(metadata),
    special,
    generation: readGenerationDefaults(metadata),
  };
}

/** general.architecture; files that are no language model of their own are named for what they are. */
function readArchitecture(metadata: GgufMetadata): string {
  const key = 'general.architecture';
  const architecture = metadata.text(key);
  if (architecture === null) throw metadata.fail(key, 'the architecture is missing');
  if (!/^[\w.-]{1,64}$/.test(architecture)) throw metadata.fail(key, 'not a name of an architecture');
  const type = metadata.text('general.type') ?? 'model';
  if (architecture === 'clip' || type === 'mmproj') {
    throw notAModel(metadata, 'the image encoder (mmproj) of another model; open that model itself');
  }
  if (type === 'adapter') throw notAModel(metadata, 'an adapter (LoRA) for another model');
  if (type === 'imatrix') throw notAModel(metadata, 'an importance matrix, not a model');
  return architecture;
}

function notAModel(metadata: GgufMetadata, what: string): LabError {
  return new LabError('unsupported-format', `${metadata.file} is ${what}.`, {
    file: metadata.file,
    field: 'general.architecture',
  });
}

/** general.sampling.*: what the model's author recommends. */
function readGenerationDefaults(metadata: GgufMetadata): GenerationDefaults {
  const value = (name: string) => metadata.number(`general.sampling.${name}`);
  const temperature = value('temp');
  const topK = value('top_k');
  const topP = value('top_p');
  const minP = value('min_p');
  const repetitionPenalty = value('penalty_repeat');
  return {
    ...(temperature !== null && { temperature }),
    ...(topK !== null && { topK }),
    ...(topP !== null && { topP }),
    ...(minP !== null && { minP }),
    ...(repetitionPenalty !== null && { repetitionPenalty }),
  };
}
