/** A comparison as it is kept: in a job to go on with it, and in a run to do it again. */
import { z } from 'zod';
import { compareRequestOf, type ComparePrompt, type OpenComparison } from '../../contract/compare.ts';
import type { Job } from '../../contract/host-contract.ts';
import { Id } from '../../contract/identifiers.ts';

/** A model and where it lies. */
export const StoredModel = z.strictObject({
  name: z.string(),
  title: z.string(),
  path: z.string(),
  /** What pages know it by; null: it is not in the library. */
  id: Id.nullable(),
  /** What it was when the comparison began; null: it has not begun. */
  identity: z.string().nullable(),
});
export type StoredModel = z.infer<typeof StoredModel>;

export const StoredRequest = compareRequestOf(StoredModel);
export type StoredRequest = z.infer<typeof StoredRequest>;
export type StoredVariant = StoredRequest['variants'][number];

/** What each variant is called: its own label, else its model's title and, where titles are equal, what sets it apart. Each is another. */
export function labelsOf(variants: readonly StoredVariant[]): string[] {
  const wished = variants.map((variant) => {
    if (variant.label !== null) return variant.label;
    const alike = variants.filter(({ model }) => model.title === variant.model.title).map(settingsOf);
    const own = settingsOf(variant).filter(
      (setting) => !alike.every((settings) => settings.includes(setting)),
    );
    return [variant.model.title, ...own].join(', ');
  });
  return wished.map((label, i) => {
    const before = wished.slice(0, i).filter((other) => other === label).length;
    return before === 0 ? label : `${label} (${before + 1})`;
  });
}

function settingsOf({ compute, kvCodec }: StoredVariant): string[] {
  const { engine, arithmetic, device, threads, memoryBudget } = compute;
  return [
    engine,
    arithmetic,
    device === 'cpu' ? null : device,
    threads === null ? null : `${threads} threads`,
    kvCodec && `${kvCodec} cache`,
    memoryBudget === null
      ? null
      : `${memoryBudget === 'auto' ? 'auto' : `${Math.round(memoryBudget / 2 ** 20)} MiB`} of memory`,
  ].filter((setting) => setting !== null);
}

export function promptTexts(prompt: ComparePrompt): string[] {
  return prompt.kind === 'text' ? [prompt.text] : prompt.messages.map(({ content }) => content);
}

/** Without places of files. */
export function openComparison(job: Job, request: StoredRequest): OpenComparison {
  const { prompt, maxTokens, quality } = request;
  return {
    jobId: job.id,
    startedAt: job.createdAt,
    labels: labelsOf(request.variants),
    prompt,
    maxTokens,
    quality: quality && { context: quality.context, tokens: quality.tokens },
  };
}
