/** What a model read from a pack tells of its budget and its reads. */
import type { FlashReading, Streaming } from '../contract/streaming.ts';
import type { EngineStreaming } from './engine.ts';

export function streamingOf(flash: EngineStreaming): Streaming {
  const { budgetBytes, minimumBytes, totalBytes, pinnedBytes, ringBytes, lookupBytes, ...state } =
    flash.state();
  const { slots, slotBytes, reader, direct } = state;
  return {
    memoryBudgetBytes: flash.memoryBudget,
    isAuto: flash.isAuto,
    ...{ budgetBytes, minimumBytes, totalBytes, pinnedBytes, ringBytes, lookupBytes },
    ...{ slots, slotBytes, reader, isDirect: direct },
    experts: flash.experts,
  };
}

export function flashReading(flash: EngineStreaming): FlashReading {
  const { uses, misses, resident, bytesRead, reads } = flash.state();
  return {
    streaming: streamingOf(flash),
    uses: [...uses],
    misses: [...misses],
    resident: [...resident],
    totals: { bytesRead, reads, ...flash.totals },
  };
}
