/** From a reply, of the app or of the command line, to what is kept of it beside what was predicted. */
import type { ModelInfo } from '../../contract/open-model.ts';
import type { GenerateResult } from '../../contract/reply.ts';
import type { FlashReading } from '../../contract/streaming.ts';
import type { MemoryBudget } from '../../contract/machine.ts';
import type { TraceRecord } from '../../contract/trace.ts';
import { bytesPerSecond, readsOf, type Measurements } from './measurements.ts';

export interface MeasuredReply {
  readonly info: ModelInfo;
  /** Of the session. */
  readonly context: number;
  /** As it was chosen when the reply began; of a streamed model. */
  readonly memoryBudget: MemoryBudget | null;
  /** Of its own tokens. */
  readonly steps: readonly TraceRecord[];
  readonly result: Pick<GenerateResult, 'memory' | 'timing' | 'promptTokens' | 'generatedTokens'>;
  /** After it; null: nothing is streamed. */
  readonly flash: Pick<FlashReading, 'uses'> | null;
}

/** Fewer tokens say little of a speed. */
const fewestTokens = 8;

/** Not of reference arithmetic and other engines: predictions are of the native engine's fast one. */
export async function recordReply(
  measurements: Measurements,
  { info, context, memoryBudget, steps, result, flash }: MeasuredReply,
): Promise<void> {
  const { memory, timing, promptTokens, generatedTokens } = result;
  const { residentBytes, residentBeforeOpenBytes } = memory;
  if (info.arithmetic !== 'fast' || info.engine !== 'native' || residentBeforeOpenBytes === null) return;
  if (generatedTokens < fewestTokens) return;
  const at = Date.now();
  const { identity: modelIdentity, kvCodec, threads } = info;
  await measurements.record({
    ...{ modelIdentity, context, kvCodec, threads, at },
    memoryBudget: info.streaming ? memoryBudget : null,
    totalBytes: residentBytes - residentBeforeOpenBytes,
    usedContext: promptTokens + generatedTokens - 1,
    tokensPerSecond: timing.decodeTokensPerSecond,
    bytesPerSecond: bytesPerSecond(steps),
    ...readsOf(steps),
  });
  if (flash && flash.uses.length > 0) await measurements.recordUses(modelIdentity, flash.uses, at);
}
