/** How fast disks are. */
import { mkdir } from 'node:fs/promises';
import type { DiskCurve } from '../../contract/engine-contract.ts';
import type { HostContract } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from './cancellation.ts';
import { hooksOf, type WorkHooks } from './open-model.ts';

export function diskHandlers(services: Services): Pick<Handlers<HostContract>, 'measureDisk'> {
  return {
    async measureDisk({ path }, context) {
      if (path === null) await mkdir(services.caches.folder, { recursive: true });
      return measureDisk(services, path ?? services.caches.folder, hooksOf(context));
    },
  };
}

/** In a process of its own. Throws what measuring throws. */
export async function measureDisk(
  services: Pick<Services, 'engines' | 'starter' | 'caches'>,
  path: string,
  { signal, progress }: WorkHooks,
): Promise<DiskCurve> {
  const process = services.engines.start(services);
  try {
    const call = process.client.measureDisk({ path, cacheFolder: services.caches.folder }, { signal });
    // A file that was written for it is removed before a cancellation is answered.
    return await untilCancelled(afterGrace(signal), drain(call, progress));
  } finally {
    process.kill();
  }
}
