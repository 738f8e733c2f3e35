/** Lab jobs: they open their models themselves, side by side. */
import type { EngineContract } from '../../contract/engine-contract.ts';
import type { OpenModel } from '../../contract/open-model.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { LabHooks } from '../../lab/bench.ts';
import { compare } from '../../lab/compare/compare.ts';
import { weightErrors, weightHistogram } from '../../lab/compare/weight-errors.ts';
import { perplexity } from '../../lab/perplexity.ts';
import { openModel, type OpenedModel } from '../open-engine.ts';
import { progressSender } from './progress.ts';

export type LabWork = 'perplexity' | 'compare' | 'weightErrors' | 'weightHistogram';

/** What is told of a growing result, at the most. */
const resultEveryMs = 1000;

export function labHandlers(): Pick<Handlers<EngineContract>, LabWork> {
  return {
    async perplexity(request, { signal, emit }) {
      const progress = progressSender(emit);
      const hooks = { signal, onProgress: progress.report };
      const requests = request.reference ? [request.model, request.reference] : [request.model];
      const done = await withModels(requests, hooks, async ([model, reference]) => {
        const result = await perplexity(model!.engine, reference?.engine ?? null, request, hooks);
        return { ...result, model: model!.info, reference: reference?.info ?? null };
      });
      await progress.finish();
      return done;
    },

    async compare({ models, ...work }, { signal, emit }) {
      const progress = progressSender((report) => emit({ type: 'progress', progress: report }));
      const hooks = { signal, onProgress: progress.report };
      let toldAt = performance.now();
      const done = await withModels(models, hooks, (opened) =>
        compare(
          opened.map(({ engine }) => engine),
          opened[0]!.decoder,
          work,
          {
            ...hooks,
            onForced: (forced) => emit({ type: 'forced', forced }),
            async onWindow(index, scores, quality) {
              await emit({ type: 'window', index, scores });
              if (performance.now() - toldAt < resultEveryMs) return;
              toldAt = performance.now();
              await emit({ type: 'quality', quality: quality() });
            },
          },
        ),
      );
      await progress.finish();
      return done;
    },

    async weightErrors({ reference, variants }, { signal, emit }) {
      const progress = progressSender(emit);
      const errors = await weightErrors(reference, variants, { signal, onProgress: progress.report });
      await progress.finish();
      return errors;
    },

    weightHistogram: ({ reference, variant, tensor }) => weightHistogram(reference, variant, tensor),
  };
}

/** Opens the models one after the other; closes them whatever happens. */
async function withModels<T>(
  requests: readonly OpenModel[],
  hooks: LabHooks,
  work: (models: readonly OpenedModel[]) => Promise<T>,
): Promise<T> {
  const opened: OpenedModel[] = [];
  try {
    for (const request of requests) opened.push(await openModel(request, hooks));
    return await work(opened);
  } finally {
    for (const { engine } of opened) await engine.close();
  }
}
