/** Packing a model as a job, and verifying a pack, each in a process of its own. */
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { Progress } from '../../contract/progress.ts';
import { LabError } from '../../contract/errors.ts';
import type { HostContract, Job } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from './cancellation.ts';
import { hooksOf } from './open-model.ts';

export function packHandlers(services: Services): Pick<Handlers<HostContract>, 'pack' | 'verifyPack'> {
  return {
    async pack({ model: reference, out, threads }, context) {
      const { name, path } = await services.library.resolve(reference);
      const hooks = hooksOf(context);
      const title = { name, target: ` → ${out}` };
      // Two processes that write one file would spoil it.
      const begun = await services.jobs.beginAlone('pack', title, context.signal, (other) =>
        refusal(other, out),
      );
      return services.jobs.through(begun, async (job) => {
        const process = services.engines.start(services);
        try {
          const request = { path, out, threads: threads ?? availableParallelism() };
          const call = process.client.pack(request, { signal: job.signal });
          const onProgress = async (progress: Progress) => {
            job.report(progress);
            await hooks.progress(progress);
          };
          // The engine makes durable what is complete before it answers a cancellation.
          const packed = await untilCancelled(afterGrace(job.signal), drain(call, onProgress));
          return { ...packed, jobId: job.id };
        } finally {
          process.kill();
        }
      });
    },

    async verifyPack({ model: reference }, context) {
      const { path } = await services.library.resolve(reference);
      const { signal, progress } = hooksOf(context);
      const process = services.engines.start(services);
      try {
        const call = process.client.verifyPack({ path }, { signal });
        const verified = await untilCancelled(signal, drain(call, progress));
        return { ...verified, path };
      } finally {
        process.kill();
      }
    },
  };
}

function refusal({ id }: Job, out: string): LabError {
  const file = basename(out);
  const message = `Job ${id} is packing ${file} now: wait for it, or stop it by retort jobs cancel ${id}.`;
  return new LabError('bad-request', message, { file });
}
