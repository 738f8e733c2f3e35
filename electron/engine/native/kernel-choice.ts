/**
 * Which kernel set runs: timed once per machine and kept in the cache folder, since the widest set is not the fastest on every processor.
 * All sets give the same bits, so the choice changes the speed of a run and nothing else.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { kernelsName } from '../../contract/cache-layout.ts';
import { nativeAddon, toCodedError, withCodes, type NativeKernelTime } from './addon.ts';

/** What a choice holds for, and how to make one. */
export interface KernelMachine {
  readonly processor: string;
  /** Of the addon. */
  readonly version: string;
  /** Sets that run here, the widest first; at least one. */
  readonly available: readonly string[];
  /** Times of the sets that run here. */
  measure(): Promise<readonly NativeKernelTime[]>;
}

/** A set is chosen before a wider one where it needs less than this share of its time: smaller differences are chance. */
const clearlyFaster = 0.95;

const Choice = z.strictObject({
  processor: z.string(),
  version: z.string(),
  available: z.array(z.string()),
  kernels: z.string(),
  reason: z.enum(['fastest', 'only one']),
  times: z.array(
    z.strictObject({ kernels: z.string(), decodeSeconds: z.number(), prefillSeconds: z.number() }),
  ),
});
type Choice = z.infer<typeof Choice>;

/**
 * The name of the set to run. A file that is missing, damaged or of another machine is made anew; where it cannot be written the choice
 * holds for this once. Throws what measuring throws.
 */
export async function chooseKernels(
  cacheFolder: string,
  machine: KernelMachine = thisMachine(),
): Promise<string> {
  const stored = await storedChoice(cacheFolder, machine);
  if (stored !== null) return stored;
  const choice = await makeChoice(machine);
  await store(cacheFolder, choice);
  return choice.kernels;
}

function thisMachine(): KernelMachine {
  const addon = nativeAddon();
  const available = withCodes(() => addon.kernelSets());
  return {
    processor: cpus()[0]?.model ?? arch(),
    version: addon.version,
    available,
    async measure() {
      try {
        return await addon.measureKernelSets(available);
      } catch (error) {
        throw toCodedError(error);
      }
    },
  };
}

async function storedChoice(cacheFolder: string, machine: KernelMachine): Promise<string | null> {
  try {
    const text = await readFile(join(cacheFolder, kernelsName), 'utf8');
    const { processor, version, available, kernels } = Choice.parse(JSON.parse(text));
    const isSame =
      processor === machine.processor &&
      version === machine.version &&
      available.join() === machine.available.join();
    return isSame && available.includes(kernels) ? kernels : null;
  } catch {
    // Whatever is wrong with it, another is made.
    return null;
  }
}

async function makeChoice(machine: KernelMachine): Promise<Choice> {
  const { processor, version, available } = machine;
  const shared = { processor, version, available: [...available] };
  const [only] = available;
  if (available.length === 1 && only !== undefined) {
    return { ...shared, kernels: only, reason: 'only one', times: [] };
  }
  const times = await machine.measure();
  return { ...shared, kernels: fastest(times), reason: 'fastest', times: [...times] };
}

/** The widest, which comes first, unless another is clearly faster. */
function fastest(times: readonly NativeKernelTime[]): string {
  const total = ({ decodeSeconds, prefillSeconds }: NativeKernelTime) => decodeSeconds + prefillSeconds;
  return times.reduce((best, each) => (total(each) < clearlyFaster * total(best) ? each : best)).kernels;
}

/** Another process may do the same at this moment: each renames a whole file into place, and either will do. */
async function store(cacheFolder: string, choice: Choice): Promise<void> {
  const file = join(cacheFolder, kernelsName);
  const unfinished = `${file}.partial-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(cacheFolder, { recursive: true });
    await writeFile(unfinished, `${JSON.stringify(choice, null, 2)}\n`);
    await rename(unfinished, file);
  } catch {
    // Runs do not depend on it: the next one measures again.
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}
