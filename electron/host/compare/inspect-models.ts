/** What the models of a comparison are, from their headers, and whether they can be compared at all. */
import type { ModelSummary } from '../../contract/model-summary.ts';
import { LabError } from '../../contract/errors.ts';
import { precisionOf } from '../loaded/loaded-model.ts';
import { withoutPaths } from '../models/without-paths.ts';
import type { Services } from '../services.ts';
import { Remembered } from './remembered.ts';
import { labelsOf, promptTexts, type StoredRequest } from './stored-request.ts';

/** Characters of a text that tokenizers are tried on. */
const probeLength = 4000;

interface Shared extends Pick<Services, 'text'> {
  readonly known: KnownModels;
}

/** What pricing reads of models, for the next price. */
export class KnownModels {
  readonly summaries = new Remembered<ModelSummary>();
  /** The ids of a text, as one string. */
  readonly probes = new Remembered<string>();
}

/** One for each variant; files that several have are read once. */
export async function inspectModels(
  { text, known }: Shared,
  { variants }: StoredRequest,
  signal: AbortSignal,
): Promise<ModelSummary[]> {
  const read = new Map<string, ModelSummary>();
  for (const { model } of variants) {
    if (read.has(model.path)) continue;
    const inspecting = known.summaries.of(model.path, '', () => text.inspect(model.path, signal));
    read.set(model.path, await withoutPaths(model.title, [model.path], inspecting));
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
  { text, known }: Shared,
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
  const idsOf = (path: string) =>
    known.probes.of(path, probe, async () => {
      const opened = await text.open(path, signal);
      return String((await opened.encode({ text: probe, special: false, addBos: false })).ids);
    });
  const [reference = '', ...paths] = [...new Set(variants.map(({ model }) => model.path))];
  if (paths.length === 0) return;
  const theirs: string[] = [];
  for (const path of paths) theirs.push(await idsOf(path));
  // The reference last: its tokenizer stays open, and cuts the whole text.
  const own = await idsOf(reference);
  const other = paths[theirs.findIndex((ids) => ids !== own)];
  const index = variants.findIndex(({ model }) => model.path === other);
  if (index > 0) refuse(index, 'the same text becomes other tokens');
}
