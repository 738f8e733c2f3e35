/** A process that several callers wait for: one that is not wanted any more is ended when nobody waits. */
import type { EngineContract } from '../../contract/engine-contract.ts';
import type { Client } from '../../contract/rpc.ts';
import type { EngineProcess } from '../engines/engine-starter.ts';
import { guardedCall, type CallLimits } from '../guarded-call.ts';
import { untilCancelled } from '../work/cancellation.ts';

export type TextClient = Client<EngineContract>;

export class SharedProcess {
  readonly #process: EngineProcess;
  #waiting = 0;
  #isWanted = true;

  constructor(process: EngineProcess) {
    this.#process = process;
  }

  get ended(): Promise<string> {
    return this.#process.ended;
  }

  /** A call that goes on where its caller leaves; throws as `guardedCall`. */
  begin<T>(limits: CallLimits, call: (client: TextClient) => Promise<T>): Promise<T> {
    return guardedCall(this.#process, limits, () => call(this.#process.client));
  }

  /** What the process does, until it is there or the signal fires: then it throws `cancelled`. */
  async wait<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
    this.#waiting += 1;
    try {
      return await untilCancelled(signal, work);
    } finally {
      this.#waiting -= 1;
      this.#endUnused();
    }
  }

  call<T>(limits: CallLimits, signal: AbortSignal, call: (client: TextClient) => Promise<T>): Promise<T> {
    return this.wait(signal, this.begin(limits, call));
  }

  /** It is given no further calls. */
  retire(): void {
    this.#isWanted = false;
    this.#endUnused();
  }

  #endUnused(): void {
    if (!this.#isWanted && this.#waiting === 0) this.#process.kill();
  }
}
