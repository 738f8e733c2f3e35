/** The texts of a comparison as ids of the reference's tokenizer. */
import { LabError } from '../../contract/errors.ts';
import type { Services } from '../services.ts';
import type { StoredRequest } from './stored-request.ts';

export interface EncodedComparison {
  readonly promptIds: number[];
  /** What ends a reply besides the model's own ends. */
  readonly ends: number[];
  readonly stops: string[];
  /** Of the text; null: quality is not measured. */
  readonly qualityIds: number[] | null;
}

/** Throws bad-request where the text is too short for one window, template-failed where the reference has no chat template. */
export async function encodeComparison(
  { text }: Pick<Services, 'text'>,
  { variants, prompt, quality }: StoredRequest,
  signal: AbortSignal,
): Promise<EncodedComparison> {
  const { path, title } = variants[0]!.model;
  const opened = await text.open(path, signal);
  const qualityIds =
    quality && cut((await opened.encode({ text: quality.text, special: false, addBos: false })).ids, quality);
  if (prompt.kind === 'text') {
    const { ids } = await opened.encode({ text: prompt.text, special: prompt.special, addBos: true });
    return { promptIds: ids, ends: [], stops: [], qualityIds };
  }
  if (!opened.info.hasTemplate) {
    throw new LabError('template-failed', `${title} has no chat template: give a text that it continues.`);
  }
  const { ids, ends, stops } = await opened.encodeChat({
    messages: prompt.messages,
    addGenerationPrompt: true,
  });
  return { promptIds: ids, ends, stops, qualityIds };
}

function cut(ids: number[], { context, tokens }: NonNullable<StoredRequest['quality']>): number[] {
  if (ids.length < (tokens ?? context)) {
    const message = `The text has ${ids.length} tokens; ${tokens ?? `one window of ${context}`} ${tokens === null ? 'needs more' : 'were asked for'}.`;
    throw new LabError('bad-request', message, { field: 'quality' });
  }
  const used = tokens === null ? ids : ids.slice(0, tokens);
  if (used.length >= context) return used;
  throw new LabError(
    'bad-request',
    `${used.length} tokens of the text do not fill one window of ${context}.`,
    {
      field: 'quality',
    },
  );
}
