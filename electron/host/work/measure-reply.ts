/** What replies of the command line measure, as those of the app do (electron/host/replies). */
import type { GenerateResult, TokenBatch } from '../../contract/engine-contract.ts';
import type { Compute } from '../../contract/host-contract.ts';
import type { TraceRecord } from '../../contract/trace.ts';
import { bytesPerSecond, readsOf } from '../memory/measurements.ts';
import type { Services } from '../services.ts';
import type { OpenEngine } from './engine-pool.ts';

/** Fewer tokens say little of a speed. */
const fewestTokens = 8;

export class MeasuredReply {
  readonly #steps: TraceRecord[] = [];

  /** Keeps of each step what is measured; a long reply has many. */
  add({ trace }: TokenBatch): void {
    for (const { layers: _layers, top: _top, ...step } of trace) this.#steps.push(step);
  }

  /** Reference arithmetic computes otherwise than replies of the app, which these stand beside. `context`: of the session. */
  async record(
    { measurements }: Pick<Services, 'measurements'>,
    { info, process }: OpenEngine,
    { memoryBudget }: Pick<Compute, 'memoryBudget'>,
    context: number,
    { memory, timing, promptTokens, generatedTokens }: GenerateResult,
  ): Promise<void> {
    const { residentBytes, residentBeforeOpenBytes } = memory;
    if (info.arithmetic !== 'fast' || info.engine !== 'native' || residentBeforeOpenBytes === null) return;
    if (generatedTokens < fewestTokens) return;
    const at = Date.now();
    const { identity: modelIdentity, kvCodec, threads, streaming } = info;
    await measurements.record({
      ...{ modelIdentity, context, kvCodec, threads, at },
      memoryBudget: streaming ? memoryBudget : null,
      totalBytes: residentBytes - residentBeforeOpenBytes,
      usedContext: promptTokens + generatedTokens - 1,
      tokensPerSecond: timing.decodeTokensPerSecond,
      bytesPerSecond: bytesPerSecond(this.#steps),
      ...readsOf(this.#steps),
    });
    const flash = streaming ? await process.client.flashState({}) : null;
    if (flash && flash.uses.length > 0) await measurements.recordUses(modelIdentity, flash.uses, at);
  }
}
