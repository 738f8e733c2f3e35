/** Perplexity as a job: a process of its own that opens the model and its reference and sends home sums. */
import type { Progress } from '../../contract/progress.ts';
import { LabError } from '../../contract/errors.ts';
import type { HostContract } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { RunningJob } from '../jobs/jobs.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from './cancellation.ts';
import { hooksOf, type NamedModel, type WorkHooks } from './open-model.ts';
import { recordRun } from './record.ts';
import { openRequestsTogether } from './shared-budget.ts';

type Perplexity = Handlers<HostContract>['perplexity'];
type Input = Parameters<Perplexity>[0];

export function perplexityHandlers(services: Services): Pick<Handlers<HostContract>, 'perplexity'> {
  return {
    async perplexity(input, context) {
      const model = await services.library.resolve(input.model);
      const reference = input.reference && (await services.library.resolve(input.reference));
      const hooks = hooksOf(context);
      const title = reference ? `${model.name} against ${reference.name}` : model.name;
      return services.jobs.run('perplexity', title, context.signal, async (job) => {
        const ids = await firstIds(services, model.path, input, job.signal);
        const done = await measure(services, { model, reference, ids, input }, job, hooks);
        const { model: info, reference: referenceInfo, ...figures } = done;
        const { compute, context: window, secondHalf } = input;
        const against = reference && { ...reference, identity: referenceInfo?.identity ?? '' };
        const settings = { compute, context: window, tokens: ids.length, secondHalf, reference: against };
        const computed = await recordRun(services, model, info, {
          kind: 'perplexity',
          seed: null,
          settings,
          promptIds: [],
          resultIds: [],
          figures,
        });
        return { ...figures, jobId: job.id, ...computed };
      });
    },
  };
}

interface Measurement {
  readonly model: NamedModel;
  readonly reference: NamedModel | null;
  readonly ids: number[];
  readonly input: Input;
}

async function measure(
  services: Services,
  { model, reference, ids, input }: Measurement,
  job: RunningJob,
  hooks: WorkHooks,
) {
  const process = services.engines.start(services);
  try {
    const choice = input.compute;
    const [opened, against = null] = await openRequestsTogether(
      services,
      (reference ? [model, reference] : [model]).map(({ path }) => ({ path, choice })),
      input.context,
      job.signal,
    );
    const call = process.client.perplexity({
      model: opened!,
      reference: against,
      ids,
      context: input.context,
      secondHalf: input.secondHalf,
    });
    const onProgress = async (progress: Progress) => {
      job.report(progress);
      await hooks.progress(progress);
    };
    return await untilCancelled(job.signal, drain(call, onProgress));
  } finally {
    process.kill();
  }
}

/** Without BOS and with no name of a special token obeyed. */
async function firstIds(
  services: Services,
  path: string,
  { text, tokens }: Input,
  signal: AbortSignal,
): Promise<number[]> {
  const encoder = await services.text.open(path, signal);
  const { ids } = await encoder.encode({ text, special: false, addBos: false });
  if (tokens !== null && ids.length < tokens) {
    throw new LabError('bad-request', `The text has ${ids.length} tokens; ${tokens} were asked for.`);
  }
  return tokens === null ? ids : ids.slice(0, tokens);
}
