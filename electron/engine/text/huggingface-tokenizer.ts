/** A pipeline from tokenizer.json and tokenizer_config.json. */
import { z } from 'zod';
import { badFile } from '../../contract/errors.ts';
import type { JsonObject, SpecialIds } from '../../contract/model-source.ts';
import { BpeModel } from './bpe-model.ts';
import { normalizerOf, splitterOf } from './huggingface-components.ts';
import { readPart, tokenizerFile as file, unsupportedPart } from './huggingface-parts.ts';
import { infillMarks } from './infill.ts';
import { Id, readVocabulary } from './huggingface-vocabulary.ts';
import type { HuggingFaceVocabulary } from './huggingface-vocabulary.ts';
import type { Pipeline } from './pipeline.ts';

const BpePart = z.looseObject({
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
});

/** Builds the pipeline. Throws `unsupported-feature` naming a model or component that is not implemented, `bad-file` for malformed fields. */
export function huggingFacePipeline(
  tokenizer: JsonObject,
  config: JsonObject,
  special: SpecialIds,
): Pipeline {
  const warnings: string[] = [];
  const vocabulary = readVocabulary(tokenizer, config);
  const model = bpeModel(tokenizer, vocabulary, infillMarks(special));
  return {
    tokens: vocabulary.tokens,
    added: vocabulary.added,
    normalize: normalizerOf(tokenizer['normalizer'], 'normalizer', warnings),
    split: splitterOf(tokenizer['pre_tokenizer'], 'pre_tokenizer', warnings),
    model,
    beginning: beginningOf(tokenizer, config, special),
    warnings,
  };
}

function bpeModel(
  tokenizer: JsonObject,
  vocabulary: HuggingFaceVocabulary,
  unreachable: ReadonlySet<number>,
): BpeModel {
  const part = readPart(BpePart, tokenizer['model'], 'model');
  const type = typeof part['type'] === 'string' ? part['type'] : part['merges'] === undefined ? 'WordLevel' : 'BPE';
  if (type !== 'BPE') throw unsupportedPart('model', type);
  if (part.continuing_subword_prefix) throw unsupportedPart('model', 'continuing_subword_prefix');
  if (part.end_of_word_suffix) throw unsupportedPart('model', 'end_of_word_suffix');
  const merges = part['merges'];
  if (!Array.isArray(merges)) throw badFile('is not a list', { file, field: 'model.merges' });
  const model = new BpeModel({
    vocabulary: vocabulary.ids,
    merges: reachable(pairsOf(merges), vocabulary, unreachable),
    mergeCount: merges.length,
    ignoreMerges: part.ignore_merges ?? false,
    byteFallback: part.byte_fallback ?? false,
    unknown: part.unk_token ? (vocabulary.ids.get(part.unk_token) ?? null) : null,
    fuseUnknown: part.fuse_unk ?? false,
  });
  if (model.ignored > 0) {
    throw badFile(`${model.ignored} merges name pieces outside the vocabulary`, {
      file,
      field: 'model.merges',
    });
  }
  return model;
} // prettier-ignore

/** Merges are "left right" in older files, [left, right] in newer ones. */
function* pairsOf(merges: readonly unknown[]): Generator<[string, string]> {
  for (const [index, merge] of merges.entries()) {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    const [left, right] = pair;
    if (pair.length !== 2 || typeof left !== 'string' || typeof right !== 'string') {
      throw badFile('is not a pair', { file, field: `model.merges[${index}]` });
    }
    yield [left, right];
  }
}

/** Leaves out merges into some ids: Code Llama's list builds its fill-in tokens from their characters. */
function* reachable(
  pairs: Iterable<[string, string]>,
  { ids }: HuggingFaceVocabulary,
  unreachable: ReadonlySet<number>,
): Generator<[string, string]> {
  for (const pair of pairs) {
    if (unreachable.size > 0 && unreachable.has(ids.get(pair.join('')) ?? -1)) continue;
    yield pair;
  }
}

const Processor = z.looseObject({ type: z.string() });
const Template = z.object({
  single: z.array(z.looseObject({ SpecialToken: z.object({ id: z.string() }).optional() })),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(Id) })),
});

function beginningOf(tokenizer: JsonObject, config: JsonObject, special: SpecialIds): number | null {
  const wanted = config['add_bos_token'];
  if (wanted === false) return null;
  const processed = processedBeginning(tokenizer['post_processor'], 'post_processor');
  return wanted === true ? (special.bos ?? processed) : processed;
}

/** The special token that the post-processor puts before a single text. */
function processedBeginning(value: unknown, field: string): number | null {
  if (value === null || value === undefined) return null;
  const part = readPart(Processor, value, field);
  if (part.type === 'Sequence') {
    const list = readPart(z.array(z.unknown()), part['processors'], `${field}.processors`);
    for (const [index, each] of list.entries()) {
      const id = processedBeginning(each, `${field}.processors[${index}]`);
      if (id !== null) return id;
    }
    return null;
  }
  if (part.type !== 'TemplateProcessing') return null;
  const template = readPart(Template, part, field);
  const name = template.single[0]?.SpecialToken?.id;
  return name === undefined ? null : (template.special_tokens[name]?.ids[0] ?? null);
}
