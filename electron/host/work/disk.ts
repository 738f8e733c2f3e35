/** How fast disks are. */
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskSampleName } from '../../contract/cache-layout.ts';
import type { DiskCurve } from '../../contract/streaming.ts';
import type { HostContract } from '../../contract/host-contract.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { isRunning } from '../process-identity.ts';
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

type Measuring = Pick<Services, 'engines' | 'starter' | 'caches'>;

let latest: Promise<unknown> = Promise.resolve();

/** In a process of its own, after those that began before: two at once would measure each other. Throws what measuring throws. */
export async function measureDisk(services: Measuring, path: string, hooks: WorkHooks): Promise<DiskCurve> {
  const before = latest;
  const measuring = untilCancelled(hooks.signal, before).then(() => measureAlone(services, path, hooks));
  latest = Promise.allSettled([before, measuring]);
  return measuring;
}

async function measureAlone(
  services: Measuring,
  path: string,
  { signal, progress }: WorkHooks,
): Promise<DiskCurve> {
  // What cannot be deleted is in nobody's way.
  await removeAbandonedSamples(path).catch(() => undefined);
  const process = services.engines.start(services);
  try {
    const call = process.client.measureDisk({ path, cacheFolder: services.caches.folder }, { signal });
    // A file that was written for it is removed before a cancellation is answered.
    return await untilCancelled(afterGrace(signal), drain(call, progress));
  } finally {
    process.kill();
  }
}

const sampleOf = new RegExp(`^${diskSampleName}\\.partial-(\\d+)-[0-9a-f]+$`);

/** Files of measurements that were killed, beside the model or in the folder. */
async function removeAbandonedSamples(path: string): Promise<void> {
  const place = await realpath(path);
  const folder = (await stat(place)).isDirectory() ? place : dirname(place);
  for (const name of await readdir(folder)) {
    const pid = sampleOf.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true });
  }
}
