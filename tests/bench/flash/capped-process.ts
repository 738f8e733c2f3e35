/** An engine in a process of its own, under a cap of its own where caps can be set. */
import { fileURLToPath } from 'node:url';
import { engineExecArgv } from '../../../electron/host/engines/engine-starter.ts';
import { CallClient, ProcessEnded, type Wrapping } from '../engines/call-client.ts';
import type { CallMap } from '../engines/serve-calls.ts';
import { MemoryCap } from './memory-cap.ts';

/** Beyond the budget: what a process needs that is neither weights, KV, scratch nor buffers. */
export const margin = 32 * 2 ** 20;

/** Whether a cap killed the process that `work` calls. Throws all that is not that. */
export async function endsByCap(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof ProcessEnded && error.signal === 'SIGKILL') return true;
    throw error;
  }
}

/** What every engine here answers first. */
interface Prepares extends CallMap {
  prepare(request: { readonly path: string; readonly threads: number }): Promise<void>;
}

export class CappedProcess<Calls extends Prepares> extends CallClient<Calls> {
  readonly cap: MemoryCap | null;
  /** Bytes in use when library and tokenizer were loaded and the model was not. */
  baseline = 0;

  private constructor(name: string, script: URL, cap: MemoryCap | null) {
    // As the app's own engines are started: memory is counted.
    const { execArgv = [], ...wrapping }: Wrapping = cap?.wrapping ?? {};
    super(name, fileURLToPath(script), [], {
      ...wrapping,
      execArgv: [...execArgv, ...engineExecArgv('weights')],
    });
    this.cap = cap;
  }

  /** Starts the process and counts its memory from where it is ready to open a model. */
  static async start<Calls extends Prepares>(
    name: string,
    script: URL,
    place: { readonly path: string; readonly threads: number },
    capped: boolean,
  ): Promise<CappedProcess<Calls>> {
    const client = new CappedProcess<Calls>(name, script, capped ? MemoryCap.create() : null);
    try {
      await client.call('prepare', place);
    } catch (error) {
      await client.close();
      throw error;
    }
    client.baseline = client.cap?.usage ?? 0;
    client.cap?.forgetPeak();
    return client;
  }

  /** Lets it use `bytes` more than the baseline. */
  limitTo(bytes: number): void {
    this.cap?.setLimit(this.baseline + bytes);
  }

  override async close(): Promise<void> {
    await super.close();
    this.cap?.remove();
  }
}
