/** Quantizing a model by a recipe as a job, in a process of its own. */
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { QuantizeResult } from '../../contract/lab-results.ts';
import type { Progress } from '../../contract/progress.ts';
import { LabError } from '../../contract/errors.ts';
import type { HostContract, Job } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from './cancellation.ts';
import { hooksOf, type NamedModel, type WorkHooks } from './open-model.ts';

type Quantize = Handlers<HostContract>['quantize'];
type Input = Parameters<Quantize>[0];

export function quantizeHandlers(services: Services): Pick<Handlers<HostContract>, 'quantize'> {
  return {
    async quantize(input, context) {
      const model = await services.library.resolve(input.model);
      const hooks = hooksOf(context);
      if (input.isEstimate) {
        const estimated = await inProcess(services, model, input, hooks);
        return { ...estimated, jobId: null, added: [] };
      }
      const title = { name: `${model.name} → ${input.recipe}`, target: ` → ${input.out}` };
      // Two processes that write the same variants would spoil them.
      const begun = await services.jobs.beginAlone('quantize', title, context.signal, (other) =>
        refusal(other, input.out),
      );
      return services.jobs.through(begun, async (job) => {
        const progress = async (report: Progress) => {
          job.report(report);
          await hooks.progress(report);
        };
        const made = await inProcess(services, model, input, { signal: job.signal, progress });
        const added = input.add ? await addTo(services, model, made, job.signal) : [];
        return { ...made, jobId: job.id, added };
      });
    },
  };
}

async function inProcess(
  services: Services,
  { name, path }: NamedModel,
  { recipe, formats, arithmetic, isEstimate, out, threads }: Input,
  { signal, progress }: WorkHooks,
): Promise<QuantizeResult> {
  const process = services.engines.start(services);
  try {
    const settings = { recipe, formats, arithmetic, isEstimate };
    const request = { path, name: basename(name, '.gguf'), out, ...settings };
    const call = process.client.quantize(
      { ...request, threads: threads ?? availableParallelism() },
      { signal },
    );
    // The engine makes durable what is complete, and removes what is not, before it answers a cancellation.
    return await untilCancelled(afterGrace(signal), drain(call, progress));
  } finally {
    process.kill();
  }
}

/** Titled by what they were made of, where the library has that, and the recipe. */
async function addTo(
  { library, text }: Services,
  { path }: NamedModel,
  { recipe, variants }: QuantizeResult,
  signal: AbortSignal,
) {
  const names: string[] = [];
  const known = await library.list();
  const source = known.find((model) => model.path === path)?.title;
  for (const { out, format } of variants) {
    // By an earlier run of the same call.
    const same = known.find((model) => model.path === out);
    if (same) {
      names.push(same.name);
      continue;
    }
    const summary = await text.inspect(out, signal);
    // The pack's file and the folder have the same name but for the ending.
    const name = format === 'onnx' ? `${basename(out)}-onnx` : basename(out);
    const title = source === undefined ? summary.name : `${source}, ${recipe}`;
    const named = { ...summary, name: format === 'onnx' ? `${title}, onnx` : title };
    names.push((await library.addUnderFreeName(out, name, named)).name);
  }
  return names;
}

function refusal({ id }: Job, out: string): LabError {
  const message = `Job ${id} is quantizing into ${out} now: wait for it, or stop it by retort jobs cancel ${id}.`;
  return new LabError('bad-request', message, { file: basename(out) });
}
