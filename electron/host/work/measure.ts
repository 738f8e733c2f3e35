/** Work that is no reply: logits to a file, speed. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { HostContract } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from './cancellation.ts';
import { hooksOf } from './open-model.ts';
import { recordRun } from './record.ts';

type Measuring = Pick<Handlers<HostContract>, 'logits' | 'bench'>;

export function measureHandlers(services: Services): Measuring {
  return {
    async logits({ model: reference, compute, ids, hidden, out }, context) {
      const model = await services.library.resolve(reference);
      await checkFolder(out);
      const hooks = hooksOf(context);
      return services.engines.use(model, compute, services, hooks, async ({ process, info }) => {
        const call = process.client.logits({ ids, hidden, out });
        const written = await untilCancelled(context.signal, drain(call, hooks.progress));
        const particular = { seed: null, settings: { compute, hidden }, promptIds: ids, resultIds: [] };
        const figures = { bytes: written.bytes };
        const computed = await recordRun(services, model, info, { kind: 'logits', ...particular, figures });
        return { ...written, ...computed };
      });
    },

    async bench({ model: reference, compute, ...request }, context) {
      const model = await services.library.resolve(reference);
      const hooks = hooksOf(context);
      return services.engines.use(model, compute, services, hooks, async ({ process, info }) => {
        const call = process.client.bench(request);
        const result = await untilCancelled(context.signal, drain(call, hooks.progress));
        const particular = { seed: null, settings: { compute, ...request }, promptIds: [], resultIds: [] };
        const computed = await recordRun(services, model, info, {
          kind: 'bench',
          ...particular,
          figures: { ...result, prefill: asJson(result.prefill), decode: asJson(result.decode) },
        });
        return { ...result, threads: info.threads, ...computed };
      });
    },
  };
}

/** As it is recorded: without the fields that are not there. */
const asJson = (figures: object) => z.json().parse(JSON.parse(JSON.stringify(figures)));

/** Before minutes of computing: the folder of the file to write must be there. */
async function checkFolder(out: string): Promise<void> {
  const folder = await stat(dirname(out)).catch((error: unknown) => {
    throw new LabError(toLabError(error).code, `${dirname(out)} does not exist.`, {}, { cause: error });
  });
  if (!folder.isDirectory()) throw new LabError('bad-request', `${dirname(out)} is not a folder.`);
}
