/** Makes an engine's reads again without computing, as a process of its own. */
import { realpathSync, statSync } from 'node:fs';
import { nativeAddon, type NativeReads } from '../../../../electron/engine/native/addon.ts';
import { serveCalls } from '../../engines/serve-calls.ts';

export interface ReplayRequest {
  readonly path: string;
  readonly depth: number;
  readonly reads: NativeReads;
}

const calls = {
  /** Seconds. */
  replay: ({ path, depth, reads }: ReplayRequest): Promise<number> =>
    nativeAddon().replayReads({
      path: realpathSync(path),
      fileBytes: statSync(path).size,
      depth,
      ...reads,
    }),
};
export type ReplayCalls = typeof calls;
serveCalls(calls);
