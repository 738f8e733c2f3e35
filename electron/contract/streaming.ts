/** Weights that are read from a pack while a model computes, and the disk that they come from. */
import { z } from 'zod';
import { bytes, count } from './identifiers.ts';

/** A model whose weights lie in a pack and take less memory than they have: what its budget is spent on. */
export const Streaming = z.strictObject({
  /** All that the model may take: weights, KV cache, scratch and buffers; null: whatever it needs. */
  memoryBudgetBytes: bytes.nullable(),
  /** Chosen by Retort: it shrinks where memory gets short. */
  isAuto: z.boolean(),
  /** Of it, for weights. */
  budgetBytes: bytes,
  /** The least that weights need, and from where on nothing is read twice. */
  minimumBytes: bytes,
  totalBytes: bytes,
  /** Always in memory. */
  pinnedBytes: bytes,
  /** What is read ahead in order of use, and what token rows are looked up with. */
  ringBytes: bytes,
  lookupBytes: bytes,
  /** Room for experts, and bytes of each. */
  slots: count,
  slotBytes: bytes,
  /** How the file is read: "io_uring" or "threads"; and whether around the page cache. */
  reader: z.string(),
  isDirect: z.boolean(),
  /** Layers × experts, and how many of a layer a token uses; null: the model has none. */
  experts: z.strictObject({ layers: count, count, used: count }).nullable(),
});
export type Streaming = z.infer<typeof Streaming>;
/** As of the latest step. */
export const FlashReading = z.strictObject({
  streaming: Streaming,
  /** Layers × experts: decayed uses, of these the ones that had to read it, and 1 where it is in memory. Empty for models without experts. */
  uses: z.array(z.number().nonnegative()),
  misses: z.array(z.number().nonnegative()),
  resident: z.array(z.int().min(0).max(1)),
  /** Since it was opened. */
  totals: z.strictObject({ bytesRead: bytes, reads: count, cacheHits: count, cacheMisses: count }),
});
export type FlashReading = z.infer<typeof FlashReading>;
/** How fast a disk gives bytes around the page cache. */
export const DiskCurve = z
  .strictObject({
    /** Bytes of one read, and reads in flight: each ascending. */
    sizes: z.array(z.int().positive()).min(1).max(32),
    depths: z.array(z.int().positive()).min(1).max(32),
    /** Of each size, all depths. */
    bytesPerSecond: z.array(z.number().positive()),
    at: z.number().nonnegative(),
  })
  .refine(
    ({ sizes, depths, bytesPerSecond }) => bytesPerSecond.length === sizes.length * depths.length,
    'a rate for each size and depth',
  );
export type DiskCurve = z.infer<typeof DiskCurve>;
