/**
 * What a comparison kept of itself to go on with. A part that is damaged, that another Retort wrote otherwise, or that was measured with other models
 * open at once is as one that is not there: it is measured again.
 */
import { z } from 'zod';
import {
  CompareForced,
  CompareQuality,
  CompareWeights,
  WindowScores,
} from '../../contract/compare-figures.ts';
import type { JobUpdate } from '../../contract/page-contract.ts';
import { MeasuredColumn } from './measure-column.ts';

export const columnPart = (index: number) => `column-${index}`;
export const forcedPart = 'forced';
export const qualityPart = 'quality';
export const weightsPart = 'weights';
/** What is read back to go on; nobody else needs it. */
export const windowPrefix = 'window-';
export const windowPart = (group: number, index: number) => `${windowPrefix}${group}-${index}`;

/** The reply read by groups of models, one after the other. */
const GroupedForced = z.array(CompareForced);
export type GroupedForced = z.infer<typeof GroupedForced>;

/** The reference is the same in every group. */
export function mergedForced(groups: GroupedForced): CompareForced {
  return { reference: groups[0]?.reference ?? [], variants: groups.flatMap(({ variants }) => variants) };
}

/** What a page that follows the job is told of a part; null: nothing. */
export function updateOf(part: string, data: unknown): JobUpdate | null {
  if (part === forcedPart) {
    const groups = parsed(GroupedForced, data);
    return groups && { type: 'forced', forced: mergedForced(groups) };
  }
  if (part === qualityPart) {
    const quality = parsed(CompareQuality, data);
    return quality && { type: 'quality', quality };
  }
  if (part === weightsPart) {
    const weights = parsed(CompareWeights, data);
    return weights && { type: 'weights', weights };
  }
  const index = /^column-(\d)$/.exec(part)?.[1];
  const measured = index === undefined ? null : parsed(MeasuredColumn, data);
  return measured && { type: 'column', index: Number(index), column: measured.column };
}

export class KeptParts {
  readonly #parts: ReadonlyMap<string, unknown>;

  constructor(parts: ReadonlyMap<string, unknown>) {
    this.#parts = parts;
  }

  column(index: number): MeasuredColumn | null {
    return parsed(MeasuredColumn, this.#parts.get(columnPart(index)));
  }

  /** Of the first groups, as far as each read this reply with as many models as now. */
  forced(groups: readonly (readonly number[])[], ids: readonly number[]): GroupedForced {
    const kept = parsed(GroupedForced, this.#parts.get(forcedPart)) ?? [];
    const isSame = ({ reference, variants }: CompareForced, group: number) =>
      variants.length + 1 === groups[group]?.length &&
      reference.length === ids.length &&
      reference.every(({ id }, i) => id === ids[i]) &&
      variants.every(({ tokens }) => tokens.length === ids.length);
    const end = kept.findIndex((forced, group) => !isSame(forced, group));
    return end < 0 ? kept : kept.slice(0, end);
  }

  /** In order, as far as there is none missing, each read by so many models. */
  windows(group: number, models: number, context: number): WindowScores[] {
    const windows: WindowScores[] = [];
    for (;;) {
      const kept = parsed(WindowScores, this.#parts.get(windowPart(group, windows.length)));
      if (!kept || !isWindowOf(kept, models, context)) return windows;
      windows.push(kept);
    }
  }

  weights(variants: number): CompareWeights | null {
    const kept = parsed(CompareWeights, this.#parts.get(weightsPart));
    if (kept?.errors.length !== variants) return null;
    return kept.errors.every((errors) => errors.length === kept.tensors.length) ? kept : null;
  }
}

/** All but the first id of a window count. */
function isWindowOf(scores: WindowScores, models: number, context: number): boolean {
  if (scores.length !== models) return false;
  return scores.every(({ negativeLogProbability, divergence, agreement }, model) => {
    const compared = model === 0 ? 0 : context - 1;
    return (
      negativeLogProbability.length === context - 1 &&
      divergence.length === compared &&
      agreement.length === compared
    );
  });
}

function parsed<T extends z.ZodType>(schema: T, data: unknown): z.output<T> | null {
  const result = schema.safeParse(data);
  return result.success ? result.data : null;
}
