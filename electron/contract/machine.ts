/** What the app knows of models in memory and of the machine. */
import { z } from 'zod';
import { KvCodec, ModelInfo } from './engine-contract.ts';
import { bytes, count, Failure, Id, time } from './identifiers.ts';

/** How a model is loaded for chat; null: Retort's choice. */
export const LoadSettings = z.strictObject({
  context: z.int().min(1).max(16_777_216).nullable(),
  kvCodec: KvCodec.nullable(),
  threads: z.int().min(1).max(1024).nullable(),
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
    /** What would help, and for lower-context with how many positions. */
    fix: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('reload') }),
      z.strictObject({ kind: z.literal('lower-context'), context: count }),
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
  /** The latest reply with these settings: the engine's memory over what it had before loading. */
  measured: z
    .strictObject({
      totalBytes: bytes,
      context: count,
      usedContext: count,
      tokensPerSecond: z.number(),
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
