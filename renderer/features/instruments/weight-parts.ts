/** What of a streamed model's weights is in memory, part by part. Pure. */
import type { Streaming } from '../../../electron/contract/streaming.ts';
import type { LoadState } from '../../../electron/contract/machine.ts';
import type { MeterFill } from '../../ui/Meter.tsx';

/**
 * Null: the model in memory is there as a whole, or there is none. A pack may be there as a whole too: where its budget holds all weights
 * beside a full context, which takes of the budget only once something is computed.
 */
export function streamingOf(engine: LoadState): Streaming | null {
  if (engine.state !== 'ready' || !engine.info.streaming) return null;
  const { streaming } = engine.info;
  const { memoryBudgetBytes, budgetBytes, totalBytes } = streaming;
  if (memoryBudgetBytes === null) return null;
  const contextBytes = (engine.kvBytesPerToken ?? 0) * engine.context;
  return budgetBytes < totalBytes || memoryBudgetBytes < totalBytes + contextBytes ? streaming : null;
}

export type HeldWeights = Pick<Streaming, 'ringBytes' | 'lookupBytes' | 'slots' | 'slotBytes'>;

export interface WeightPart {
  readonly label: string;
  /** The role of its colour in tokens.css. */
  readonly role: string;
  readonly fill: MeterFill;
  readonly bytes: number;
}

/**
 * From the axis upward; together they are `weightsBytes`. What is no record, such as vectors, is always in memory and counts to what is
 * pinned. Where there are experts, all else is pinned: it is what every token reads.
 */
export function weightParts(held: HeldWeights, weightsBytes: number): readonly WeightPart[] {
  const { ringBytes, lookupBytes, slots, slotBytes } = held;
  const buffersBytes = ringBytes + lookupBytes;
  const pinnedBytes = Math.max(0, weightsBytes - slots * slotBytes - buffersBytes);
  const hasExperts = slots > 0;
  const part = (label: string, fill: MeterFill, bytes: number) => ({
    label,
    role: `--mem-${fill}`,
    fill,
    bytes,
  });
  return [
    part(hasExperts ? 'always read' : 'pinned', 'weights', pinnedBytes),
    ...(hasExperts ? [part('expert cache', 'cache', slots * slotBytes)] : []),
    part('buffers', 'buffers', buffersBytes),
  ];
}
