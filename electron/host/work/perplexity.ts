/** Perplexity as a job: a process of its own that opens the model and its reference and sends home sums. */
import { availableParallelism } from 'node:os';
import type { OpenModel, Progress } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
import type { HostContract } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { RunningJob } from '../jobs/jobs.ts';
import { engineBudget, type EngineBudget } from '../loaded/memory-budget.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from './cancellation.ts';
import { hooksOf, openRequest, type NamedModel, type WorkHooks } from './open-model.ts';
import { recordRun } from './record.ts';

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
    const call = process.client.perplexity({
      ...(await openRequests(services, { model, reference, input }, job.signal)),
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

type Opening = Pick<Measurement, 'model' | 'reference'> & {
  readonly input: Pick<Input, 'compute' | 'context'>;
};

/** Both are open at once: what is free is shared, so that what one leaves of its half goes to the other. */
export async function openRequests(
  services: Pick<Services, 'caches' | 'memory' | 'text'>,
  { model, reference, input: { compute, context } }: Opening,
  signal: AbortSignal,
): Promise<{ model: OpenModel; reference: OpenModel | null }> {
  const budget = await engineBudget(services, compute.memoryBudget);
  const open = (path: string, memoryBudget: EngineBudget) =>
    openRequest(path, { ...compute, memoryBudget }, services);
  if (!reference) return { model: await open(model.path, budget), reference: null };
  const shareBeside = async (other: NamedModel): Promise<EngineBudget> => {
    const { memoryBudget, isAuto } = budget;
    if (!isAuto || memoryBudget === null) return budget;
    const half = Math.floor(memoryBudget / 2);
    const threads = compute.threads ?? availableParallelism();
    const asked = { path: other.path, context, kvCodec: null, threads };
    // What cannot be told beforehand gets its half.
    const taken = await services.text.estimate(asked, signal).catch(() => null);
    if (taken === null) return { isAuto, memoryBudget: half };
    const left = Math.max(
      0,
      Math.floor(memoryBudget - taken.weightsBytes - taken.kvBytes - taken.scratchBytes),
    );
    return { isAuto, memoryBudget: taken.canStream ? Math.max(half, left) : left };
  };
  return {
    model: await open(model.path, await shareBeside(reference)),
    reference: await open(reference.path, await shareBeside(model)),
  };
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
