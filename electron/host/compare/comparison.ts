/**
 * The work of one comparison: models in turn, then token by token, then weight by weight. Each part is kept as soon as it is done; one that goes on
 * begins with the parts there are.
 */
import type {
  CompareEvent,
  CompareForced,
  CompareQuality,
  CompareResult,
  CompareWeights,
} from '../../contract/compare.ts';
import { shortLabels } from '../../contract/compare-labels.ts';
import type { ComparingEvent } from '../../contract/compare-figures.ts';
import type { ModelSummary } from '../../contract/model-summary.ts';
import { LabError } from '../../contract/errors.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { RunningJob } from '../jobs/jobs.ts';
import { untilCancelled } from '../work/cancellation.ts';
import type { WorkHooks } from '../work/open-model.ts';
import { openRequestsTogether } from '../work/shared-budget.ts';
import type { EncodedComparison } from './encode.ts';
import {
  columnPart,
  forcedPart,
  KeptParts,
  mergedForced,
  qualityPart,
  weightsPart,
  windowPart,
} from './kept-parts.ts';
import { measureColumn, type MeasuredColumn, type Working } from './measure-column.ts';
import type { PricedComparison } from './price.ts';
import { labelsOf, type StoredRequest } from './stored-request.ts';

/** What is known while it runs and is not kept. */
export type Tell = (event: CompareEvent) => Promise<void>;

export interface ComparisonWork {
  readonly request: StoredRequest;
  readonly priced: PricedComparison & { readonly encoded: EncodedComparison };
  readonly job: RunningJob;
  readonly parts: ReadonlyMap<string, unknown>;
  readonly tell: Tell;
}

export interface ComparisonDone {
  readonly result: CompareResult;
  readonly reference: MeasuredColumn;
}

export class Comparison {
  readonly #services: Working;
  readonly #work: ComparisonWork;
  readonly #labels: string[];
  readonly #kept: KeptParts;

  constructor(services: Working, work: ComparisonWork) {
    this.#services = services;
    this.#work = work;
    this.#labels = labelsOf(work.request.variants);
    this.#kept = new KeptParts(work.parts);
  }

  async run(): Promise<ComparisonDone> {
    const { request, priced } = this.#work;
    const columns: MeasuredColumn[] = [];
    for (const index of request.variants.keys()) columns.push(await this.#column(index));
    const ids = columns[0]!.column.reply.tokens.map(({ id }) => id);
    const mode = priced.price.mode ?? 'pairs';
    const { forced, quality } = await this.#together(this.#groups(mode), ids);
    const weights = request.weightErrors ? await this.#weights() : null;
    const result = { mode, columns: columns.map(({ column }) => column), forced, quality, weights };
    return { result, reference: columns[0]! };
  }

  async #column(index: number): Promise<MeasuredColumn> {
    const { request, priced, job, tell } = this.#work;
    const kept = this.#kept.column(index);
    if (kept) return kept;
    const work = {
      variant: request.variants[index]!,
      label: this.#labels[index]!,
      summary: priced.summaries[index]!,
      ...{ request, encoded: priced.encoded },
    };
    const name = shortLabels(this.#labels)[index]!;
    const place = `variant ${index + 1} of ${request.variants.length}, ${name}: `;
    const measured = await measureColumn(this.#services, work, this.#hooks(place));
    await job.keep(columnPart(index), measured);
    await tell({ type: 'column', index, column: measured.column });
    return measured;
  }

  /** Places of the variants that are open at once; the reference is among them all. */
  #groups(mode: CompareResult['mode']): number[][] {
    const places = [...this.#work.request.variants.keys()];
    return mode === 'together' ? [places] : places.slice(1).map((variant) => [0, variant]);
  }

  async #together(groups: readonly number[][], ids: number[]) {
    const { job, tell, request } = this.#work;
    let forced = this.#kept.forced(groups, ids);
    const qualities: CompareQuality[] = [];
    for (const [group, places] of groups.entries()) {
      const needsReply = forced.length <= group;
      const done = await this.#group(
        group,
        places,
        needsReply ? ids : null,
        async (quality) => {
          const merged = mergedQuality([...qualities, quality]);
          await job.keep(qualityPart, merged);
          await tell({ type: 'quality', quality: merged });
        },
        async (found) => {
          forced = [...forced, found];
          await job.keep(forcedPart, forced);
          await tell({ type: 'forced', forced: mergedForced(forced) });
        },
      );
      if (done) qualities.push(done);
    }
    return { forced: mergedForced(forced), quality: request.quality && mergedQuality(qualities) };
  }

  async #group(
    group: number,
    places: readonly number[],
    replyIds: number[] | null,
    onQuality: (quality: CompareQuality) => Promise<void>,
    onForced: (forced: CompareForced) => Promise<void>,
  ): Promise<CompareQuality | null> {
    const { request, priced, job } = this.#work;
    const { promptIds, qualityIds } = priced.encoded;
    const windows = this.#kept.windows(group, places.length, request.quality?.context ?? 0);
    if (replyIds === null && qualityIds === null) return null;
    const hooks = this.#hooks('');
    const process = this.#services.engines.start(this.#services);
    try {
      const models = await openRequestsTogether(
        this.#services,
        places.map((place) => this.#openChoice(place)),
        Math.max(promptIds.length + request.maxTokens, request.quality?.context ?? 0),
        job.signal,
      );
      const call = process.client.compare(
        {
          models,
          names: places.map((place) => this.#labels[place]!),
          reply: replyIds && { promptIds, ids: replyIds },
          quality: qualityIds && { ids: qualityIds, context: request.quality!.context, windows },
        },
        { signal: job.signal },
      );
      const done = await untilCancelled(
        job.signal,
        drain(call, async (event: ComparingEvent) => {
          if (event.type === 'progress') await hooks.progress(event.progress);
          else if (event.type === 'forced') await onForced(event.forced);
          else if (event.type === 'quality') await onQuality(event.quality);
          else await job.keep(windowPart(group, event.index), event.scores);
        }),
      );
      if (done.quality) await onQuality(done.quality);
      return done.quality;
    } finally {
      process.kill();
    }
  }

  #openChoice(place: number) {
    const { model, compute, kvCodec } = this.#work.request.variants[place]!;
    return { path: model.path, choice: { ...compute, kvCodec } };
  }

  async #weights(): Promise<CompareWeights> {
    const { request, job, tell } = this.#work;
    const [reference = '', ...variants] = request.variants.map(({ model }) => model.path);
    const kept = this.#kept.weights(variants.length);
    if (kept) return kept;
    const process = this.#services.engines.start(this.#services);
    try {
      const call = process.client.weightErrors({ reference, variants }, { signal: job.signal });
      const weights = await untilCancelled(job.signal, drain(call, this.#hooks('').progress));
      await job.keep(weightsPart, weights);
      await tell({ type: 'weights', weights });
      return weights;
    } finally {
      process.kill();
    }
  }

  #hooks(prefix: string): WorkHooks {
    const { job, tell } = this.#work;
    return {
      signal: job.signal,
      progress: async (own) => {
        const progress = { ...own, phase: `${prefix}${own.phase}` };
        job.report(progress);
        await tell({ type: 'progress', progress });
      },
    };
  }
}

/** Groups that are not done yet have read fewer windows: what is said of how many is of all. */
function mergedQuality(groups: readonly CompareQuality[]): CompareQuality {
  const last = groups.at(-1);
  if (!last) throw new LabError('internal', 'No text was read.');
  const [reference] = groups[0]!.columns;
  return { ...last, columns: [reference!, ...groups.flatMap(({ columns }) => columns.slice(1))] };
}

/** Throws bad-request where a model is not the one that the comparison began with. */
export function requireSameModels(request: StoredRequest, summaries: readonly ModelSummary[]): void {
  request.variants.forEach(({ model }, i) => {
    if (model.identity === null || model.identity === summaries[i]?.identity) return;
    const message = `${model.title} is not the model of this comparison any more: its contents have changed.`;
    throw new LabError('bad-request', message);
  });
}
