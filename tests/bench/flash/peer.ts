/** llama.cpp with mapped weights under the cap that Retort's budget comes to. */
import type { Opened } from './engines/flash-engine.ts';
import type { LlamaCppCalls } from './engines/llama-cpp-process.ts';
import { CappedProcess, margin } from './capped-process.ts';
import { forgetPages } from './page-cache.ts';
import type { FlashBench } from './rows/row.ts';

export type Peer = CappedProcess<LlamaCppCalls>;

const script = new URL('engines/llama-cpp-process.ts', import.meta.url);

/** A peer that is ready to open the model, with nothing of it in memory; capped at its baseline, the budget and what Retort gets beside it. */
export async function startPeer(bench: FlashBench, path: string, budget: number): Promise<Peer> {
  await forgetPages(path);
  const { threads } = bench;
  const peer = await CappedProcess.start<LlamaCppCalls>('llama.cpp', script, { path, threads }, true);
  peer.limitTo(budget + margin);
  return peer;
}

export const openPeer = (peer: Peer, path: string, threads: number): Promise<Opened> =>
  peer.call('open', { path, threads, cacheFolder: '', memoryBudget: null });
