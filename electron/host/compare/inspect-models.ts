/** What the models of a comparison are, from their headers, and whether they can be compared at all. */
import type { ModelSummary } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
import { precisionOf } from '../loaded/loaded-model.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { labelsOf, promptTexts, type StoredRequest } from './stored-request.ts';

/** Characters of a text that tokenizers are tried on. */
const probeLength = 4000;

type Shared = Pick<Services, 'text'>;

/** One for each variant; files that several have are read once. */
export async function inspectModels(
  { text }: Shared,
  { variants }: StoredRequest,
  signal: AbortSignal,
): Promise<ModelSummary[]> {
  const read = new Map<string, ModelSummary>();
  for (const { model } of variants) {
    if (read.has(model.path)) continue;
    read.set(model.path, await withoutPaths(model.title, [model.path], text.inspect(model.path, signal)));
  }
  return variants.map(({ model }) => read.get(model.path)!);
}

export function weightsOf(summary: ModelSummary) {
  const { format, architecture, types, parameters } = summary;
  const weightsBytes = Object.values(types).reduce((sum, bytes) => sum + bytes, 0);
  const bitsPerWeight = parameters > 0 ? (8 * weightsBytes) / parameters : 0;
  return {
    format,
    architecture,
    precision: precisionOf(summary),
    types,
    weightsBytes,
    parameters,
    bitsPerWeight,
  };
}

/**
 * Throws bad-request naming the first two whose vocabularies differ: in size, or in the tokens into which they cut the texts of this comparison.
 */
export async function requireOneVocabulary(
  { text }: Shared,
  request: StoredRequest,
  summaries: readonly ModelSummary[],
  signal: AbortSignal,
): Promise<void> {
  const { variants, prompt, quality } = request;
  const labels = labelsOf(variants);
  const refuse = (index: number, how: string) => {
    const message = `${labels[0]} and ${labels[index]} have different vocabularies (${how}): they cannot be compared token by token.`;
    throw new LabError('bad-request', message);
  };
  const size = summaries[0]?.vocabularySize ?? null;
  summaries.forEach(({ vocabularySize }, index) => {
    if (size !== null && vocabularySize !== null && vocabularySize !== size)
      refuse(index, `${size} and ${vocabularySize} ids`);
  });
  const probe = [...promptTexts(prompt), quality?.text ?? ''].join('\n').slice(0, probeLength);
  const idsOf = async (path: string) => {
    const opened = await text.open(path, signal);
    return String((await opened.encode({ text: probe, special: false, addBos: false })).ids);
  };
  const paths = variants.map(({ model }) => model.path);
  const others = [...new Set(paths)].slice(1);
  if (others.length === 0) return;
  for (const path of others.reverse()) {
    const theirs = await idsOf(path);
    if (theirs !== (await idsOf(paths[0]!)))
      refuse(paths.indexOf(path), 'the same text becomes other tokens');
  }
}
