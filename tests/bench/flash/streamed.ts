/** Retort with a model in memory or read from a pack within a budget, as processes of their own. */
import { cacheFolder } from '../places.ts';
import { CappedProcess, margin } from './capped-process.ts';
import type { Opened } from './engines/flash-engine.ts';
import type { RetortCalls } from './engines/retort-process.ts';

export type Retort = CappedProcess<RetortCalls>;

const script = new URL('engines/retort-process.ts', import.meta.url);

export const startRetort = (path: string, threads: number, capped: boolean): Promise<Retort> =>
  CappedProcess.start<RetortCalls>('Retort', script, { path, threads }, capped);

/** All of it in memory, no cap. Works on any MODEL. */
export async function openResident(path: string, threads: number): Promise<Retort> {
  const client = await startRetort(path, threads, false);
  try {
    await client.call('open', { path, threads, cacheFolder, memoryBudget: null });
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

export interface StreamedOptions {
  readonly threads: number;
  readonly budget: number;
  /** How memory is watched: `none` where it cannot be, `far` by a cap that is far away, `close` by one of budget and margin. */
  readonly cap: 'none' | 'far' | 'close';
}

/** Far above what any model here takes. */
const farAway = 2 ** 36;

/** A pack, within a budget. */
export async function openStreamed(
  path: string,
  { threads, budget, cap }: StreamedOptions,
): Promise<{ client: Retort; opened: Opened }> {
  const client = await startRetort(path, threads, cap !== 'none');
  try {
    client.limitTo(cap === 'close' ? budget + margin : farAway);
    const opened = await client.call('open', { path, threads, cacheFolder, memoryBudget: budget });
    return { client, opened };
  } catch (error) {
    await client.close();
    throw error;
  }
}
