/** What the app knows of models in memory and of the machine. */
import { z } from 'zod';
import { StreamingEstimate } from './estimate.ts';
import { Arithmetic, Device, EngineName, KvCodec, MemoryBudgetBytes, ModelInfo } from './open-model.ts';
import { bytes, count, Failure, Id, time } from './identifiers.ts';

/** auto: what is free, less the reserve, and less again where memory gets short. */
export const MemoryBudget = z.union([MemoryBudgetBytes, z.literal('auto')]);
export type MemoryBudget = z.infer<typeof MemoryBudget>;

/** How to compute; null: chosen when the model is opened. */
export const Compute = z.strictObject({
  engine: EngineName.nullable(),
  arithmetic: Arithmetic.nullable(),
  device: Device,
  threads: z.int().min(1).max(1024).nullable(),
  /** Bytes, or auto, which is for packs alone; null: whatever is needed. Runs recorded before there were budgets have none. */
  memoryBudget: MemoryBudget.nullable().default(null),
});
export type Compute = z.infer<typeof Compute>;

/** How a model is loaded for chat; null: Retort's choice. */
export const LoadSettings = z.strictObject({
  context: z.int().min(1).max(16_777_216).nullable(),
  kvCodec: KvCodec.nullable(),
  threads: z.int().min(1).max(1024).nullable(),
  /** Of packs alone; null: what was chosen for this model the last time, else auto. */
  memoryBudget: MemoryBudget.nullable().default(null),
});
export type LoadSettings = z.infer<typeof LoadSettings>;

/** The one model that chats use. */
export const LoadState = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('none') }),
  z.strictObject({
    state: z.literal('loading'),
    model: Id,
    title: z.string(),
    phase: z.string(),
    done: z.number().nonnegative(),
    total: z.number().nonnegative(),
    startedAt: time,
  }),
  z.strictObject({
    state: z.literal('ready'),
    model: Id,
    title: z.string(),
    /** Such as "Q4_1, 4.9 bits". */
    precision: z.string(),
    info: ModelInfo,
    context: count,
    kvCodec: KvCodec,
    kvBytesPerToken: bytes.nullable(),
    /** Tokens held from the latest turn. */
    held: count,
    isBusy: z.boolean(),
  }),
  z.strictObject({
    state: z.literal('failed'),
    model: Id,
    title: z.string(),
    error: Failure,
    /** What would help, and with how many positions; auto-budget with null: as many as now. */
    fix: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('reload') }),
      z.strictObject({ kind: z.literal('lower-context'), context: count }),
      z.strictObject({ kind: z.literal('auto-budget'), context: count.nullable() }),
      z.strictObject({ kind: z.literal('choose-model') }),
    ]),
  }),
]);
export type LoadState = z.infer<typeof LoadState>;

/** A model as pages see it: never a path. */
export const PageModel = z.strictObject({
  id: Id,
  title: z.string(),
  /** Where it lies, for people: "With Retort", a folder's name, "Hugging Face cache". */
  place: z.string(),
  /** bundled: with Retort; added: by a person; folder: lies in a model folder; found: in another program's folder. */
  kind: z.enum(['bundled', 'added', 'folder', 'found']),
  format: z.string(),
  architecture: z.string().nullable(),
  bytes,
  /** The file or folder is there now. */
  isPresent: z.boolean(),
});
export type PageModel = z.infer<typeof PageModel>;

/** What loading would take, from headers alone, and what it took the last time. */
export const Fit = z.strictObject({
  /** In memory: of a streamed model, what its budget leaves for them. */
  weightsBytes: bytes,
  kvBytes: bytes,
  /** Working memory of the engine and its process's own growth. */
  scratchBytes: bytes,
  totalBytes: bytes,
  kvBytesPerToken: bytes,
  context: count,
  modelContext: count,
  /** The largest context that fits; 0: the weights alone do not. */
  largestContext: count,
  kvCodec: KvCodec,
  /** Free for a model now: what the system has available, less the reserve, with what the loaded model would give back. */
  freeBytes: bytes,
  reserveBytes: bytes,
  memoryBytes: bytes,
  fits: z.boolean(),
  /** From bytes touched and this machine's memory bandwidth; null before it was measured. */
  predictedTokensPerSecond: z.number().nullable(),
  /** Whether its weights can be streamed: it is a pack. `retort pack` makes one of any other model. */
  canStream: z.boolean(),
  /** The budget that was resolved, and what streaming within it comes to; null: all weights in memory. */
  streaming: StreamingEstimate.nullable(),
  /** The latest reply with these settings, the budget as it was chosen: the engine's memory over what it had before loading. */
  measured: z
    .strictObject({
      totalBytes: bytes,
      context: count,
      usedContext: count,
      tokensPerSecond: z.number(),
      /** From the disk, and the share of needed weights that was in memory; null: nothing was streamed. */
      readBytesPerToken: bytes.nullable(),
      hitRate: z.number().nullable(),
      at: time,
    })
    .nullable(),
});
export type Fit = z.infer<typeof Fit>;

/** One reading of memory; null: this system does not tell. */
export const MemoryReading = z.strictObject({
  at: time,
  weightsBytes: bytes,
  kvBytes: bytes,
  /** The engine process beyond weights and KV, by its RSS. */
  scratchBytes: bytes,
  /** What the engine's runtime took before its model: it counts beside the budget, not in it. */
  baselineBytes: bytes.nullable(),
  /** Of the loaded model; null: none is streamed. */
  memoryBudgetBytes: bytes.nullable(),
  engineRssBytes: bytes.nullable(),
  enginePssBytes: bytes.nullable(),
  /** Host, shell and pages. */
  appRssBytes: bytes,
  appPssBytes: bytes.nullable(),
  systemFreeBytes: bytes,
  systemBytes: bytes,
  /** Of what is free: stays the system's, models do not get it. */
  reserveBytes: bytes,
});
export type MemoryReading = z.infer<typeof MemoryReading>;
