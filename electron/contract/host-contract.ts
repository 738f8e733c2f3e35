/** Operations of the host: what the command line uses, and the app's pages will. Work is a stream; what it leaves behind is a run. */
import { z } from 'zod';
import { CompareEvent, compareRequestOf, CompareResult, Headline, Report, ReportFormat } from './compare.ts';
import {
  BenchResult,
  PackResult,
  QuantizeResult,
  QuantizeSettings,
  PerplexityResult,
  VerifyResult,
} from './lab-results.ts';
import { ModelSummary, TensorEvent } from './model-summary.ts';
import { Arithmetic, EngineName, KvCodec, ModelInfo } from './open-model.ts';
import { Progress } from './progress.ts';
import { GenerateResult, TokenBatch } from './reply.ts';
import { DiskCurve } from './streaming.ts';
import { ChatMessages, Encoded, TokenIds } from './tokens.ts';
import { bytes, count, Id, text, time } from './identifiers.ts';
import { CacheName, CacheReport, ContinuedCache, SavedCache } from './kv-cache.ts';
import { Compute, Fit, LoadSettings } from './machine.ts';
import { command, query, stream } from './operation.ts';
import { SamplingChoice } from './sampling.ts';
import { TensorNames } from './tensor-statistics.ts';

const path = z.string().min(1).max(4096);

/** A model as a person names it: a library name, else the file or folder at `path` (absolute). */
export const ModelReference = z.strictObject({ name: z.string().min(1).max(4096), path: path.nullable() });
export type ModelReference = z.infer<typeof ModelReference>;

export const LibraryModel = z.strictObject({
  name: Id,
  title: z.string(),
  path: z.string(),
  format: z.string(),
  architecture: z.string(),
  bytes,
  /** Comes with Retort; cannot be removed. */
  bundled: z.boolean(),
  /** The file or folder is there now. */
  present: z.boolean(),
});
export type LibraryModel = z.infer<typeof LibraryModel>;

export const JobKind = z.enum(['build-graph', 'perplexity', 'pack', 'compare', 'quantize']);
export const JobState = z.enum(['queued', 'running', 'done', 'failed', 'cancelled', 'interrupted']);
export const Job = z.strictObject({
  id: Id,
  kind: JobKind,
  title: z.string(),
  state: JobState,
  phase: z.string(),
  done: z.number().nonnegative(),
  total: z.number().nonnegative(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  createdAt: time,
  endedAt: time.nullable(),
  /** It was interrupted, and resumeJob goes on where it was. */
  canResume: z.boolean(),
  /** The run that it left behind; null: none yet, or none at all. */
  runId: Id.nullable(),
});
export type Job = z.infer<typeof Job>;

export const Machine = z.strictObject({
  cpu: z.string(),
  cores: z.int().positive(),
  memoryBytes: bytes,
  os: z.string(),
});
export type Machine = z.infer<typeof Machine>;

export const RunKind = z.enum(['generate', 'logits', 'perplexity', 'bench', 'compare']);
export type RunKind = z.infer<typeof RunKind>;
export const Run = z.strictObject({
  id: Id,
  kind: RunKind,
  at: time,
  modelName: z.string(),
  modelPath: z.string(),
  modelIdentity: z.string(),
  engine: EngineName,
  arithmetic: Arithmetic,
  device: z.string(),
  threads: z.int().positive(),
  seed: count.nullable(),
  /** What was asked for, by the kind of run. */
  settings: z.record(z.string(), z.json()),
  promptIds: TokenIds,
  resultIds: TokenIds,
  machine: Machine,
  versions: z.record(z.string(), z.string()),
  /** What was measured, by the kind of run. */
  figures: z.record(z.string(), z.json().optional()),
});
export type Run = z.infer<typeof Run>;
export const RunSummary = z.strictObject({
  ...Run.pick({ id: true, kind: true, at: true, modelName: true, engine: true, arithmetic: true }).shape,
  /** What was computed, such as the labels of a comparison. */
  title: z.string(),
  /** The processor, as it names itself. */
  machine: z.string(),
  headlines: z.array(Headline),
});
export type RunSummary = z.infer<typeof RunSummary>;

export const Cache = z.strictObject({
  id: Id,
  /** unfinished: a graph being built now; kernels: which kernel set runs on this machine; disk: how fast its disks are. */
  kind: z.enum(['graph', 'unfinished', 'kernels', 'disk']),
  bytes,
  changedAt: time,
});
export type Cache = z.infer<typeof Cache>;

export const Prompt = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('chat'), messages: ChatMessages }),
  /** Continued as it stands; `special`: names of special tokens in it are obeyed. */
  z.strictObject({ kind: z.literal('text'), text: text.min(1), special: z.boolean() }),
  /** The gap between two texts is filled; one of them may be empty. */
  z
    .strictObject({ kind: z.literal('infill'), prefix: text, suffix: text })
    .refine(({ prefix, suffix }) => prefix !== '' || suffix !== '', 'one of prefix and suffix has text'),
  z.strictObject({ kind: z.literal('ids'), ids: TokenIds.min(1) }),
]);
export type Prompt = z.infer<typeof Prompt>;

const progressEvent = z.strictObject({ type: z.literal('progress'), progress: Progress });
const warningEvent = z.strictObject({ type: z.literal('warning'), message: z.string() });
/** What any work tells on its way. */
export const WorkEvent = z.discriminatedUnion('type', [progressEvent, warningEvent]);
export type WorkEvent = z.infer<typeof WorkEvent>;
export const RunEvent = z.discriminatedUnion('type', [
  progressEvent,
  warningEvent,
  z.strictObject({ type: z.literal('opened'), info: ModelInfo, promptTokens: count }),
  z.strictObject({ type: z.literal('tokens'), batch: TokenBatch }),
]);
export type RunEvent = z.infer<typeof RunEvent>;

/** What computed a result, and the run that is its record. */
const computed = {
  runId: Id,
  engine: EngineName,
  arithmetic: Arithmetic,
  device: z.string(),
  /** The native engine's kernel set; null for other engines. */
  kernels: z.string().nullable(),
};

export const RunResult = z.strictObject({
  ...GenerateResult.shape,
  ...computed,
  seed: count,
  /** For a repeated run: whether the ids are those of the first. */
  sameIds: z.boolean().optional(),
});
export type RunResult = z.infer<typeof RunResult>;

/** A comparison as the command line asks for it. */
export const CompareCommand = compareRequestOf(ModelReference);
export type CompareCommand = z.infer<typeof CompareCommand>;
export const CompareDone = z.strictObject({ jobId: Id, runId: Id, result: CompareResult });
export type CompareDone = z.infer<typeof CompareDone>;

const none = z.strictObject({});

/** A prompt, and the session that reads it. Context null: 8,192 tokens or what the model holds. */
const cachedPrompt = {
  model: ModelReference,
  prompt: Prompt,
  compute: Compute,
  kvCodec: KvCodec.nullable(),
  context: z.int().min(1).max(16_777_216).nullable(),
};

export const hostContract = {
  listModels: query({ input: none, output: z.array(LibraryModel) }),
  /** Reads the headers first, so that only a readable model is added. Without a name one is made from the file's. */
  addModel: command({ input: z.strictObject({ path, name: Id.nullable() }), output: LibraryModel }),
  /** Forgets it; no file is deleted. */
  removeModel: command({ input: z.strictObject({ name: Id }), output: LibraryModel }),

  listJobs: query({ input: none, output: z.array(Job) }),
  /** Asks the process that runs the job to stop it, whichever that is. */
  cancelJob: command({ input: z.strictObject({ id: Id }), output: Job }),
  /** Goes on with an interrupted comparison here. Throws bad-request where the job cannot be resumed. */
  resumeJob: stream({ input: z.strictObject({ id: Id }), chunk: CompareEvent, done: CompareDone }),

  /** Newest first. */
  listRuns: query({
    input: z.strictObject({ kind: RunKind.nullable().default(null), limit: z.int().min(1).max(10_000) }),
    output: z.array(RunSummary),
  }),
  readRun: query({ input: z.strictObject({ id: Id }), output: Run }),
  /** Of a comparison a page, a table or all of it; of other runs all of it or their figures. */
  exportRun: query({ input: z.strictObject({ id: Id, format: ReportFormat }), output: Report }),

  listCaches: query({ input: none, output: z.array(Cache) }),
  removeCache: command({ input: z.strictObject({ id: Id }), output: Cache }),

  inspect: query({ input: z.strictObject({ model: ModelReference }), output: ModelSummary }),
  /** Null: of all tensors. Throws as the engine's operation. */
  tensorStatistics: stream({
    input: z.strictObject({ model: ModelReference, tensors: TensorNames }),
    chunk: TensorEvent,
    done: z.null(),
  }),
  tokenize: query({
    input: z.strictObject({
      model: ModelReference,
      content: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('text'), text, special: z.boolean(), addBos: z.boolean() }),
        z.strictObject({ kind: z.literal('chat'), messages: ChatMessages, addGenerationPrompt: z.boolean() }),
      ]),
    }),
    output: Encoded,
  }),

  run: stream({
    input: z.strictObject({
      model: ModelReference,
      prompt: Prompt,
      compute: Compute,
      sampling: SamplingChoice,
      maxTokens: z.int().min(1).max(16_777_216),
      stops: z.array(z.string().min(1).max(1024)).max(64),
      ignoreEnds: z.boolean(),
      trace: z.boolean(),
      /** One turn of a conversation: the engine keeps it, and the next turn reads only what is new. */
      isTurn: z.boolean().default(false),
    }),
    chunk: RunEvent,
    done: RunResult,
  }),
  /** The same model, prompt ids, settings, seed, engine and arithmetic as a recorded run; refused where the model is another one. */
  repeatRun: stream({
    input: z.strictObject({ id: Id, trace: z.boolean() }),
    chunk: RunEvent,
    done: RunResult,
  }),
  logits: stream({
    input: z.strictObject({
      model: ModelReference,
      compute: Compute,
      ids: TokenIds.min(1),
      hidden: z.boolean(),
      out: path,
    }),
    chunk: WorkEvent,
    done: z.strictObject({ out: z.string(), tokens: count, vocabularySize: count, bytes, ...computed }),
  }),
  bench: stream({
    input: z.strictObject({
      model: ModelReference,
      compute: Compute,
      promptTokens: z.int().min(1).max(1_000_000),
      generateTokens: z.int().min(1).max(1_000_000),
      repeat: z.int().min(1).max(1000),
    }),
    chunk: WorkEvent,
    done: z.strictObject({ ...BenchResult.shape, threads: z.int(), ...computed }),
  }),
  perplexity: stream({
    input: z.strictObject({
      model: ModelReference,
      reference: ModelReference.nullable(),
      compute: Compute,
      text: text.min(1),
      context: z.int().min(2).max(1_000_000),
      /** How many of the text's first ids to use; null: all. */
      tokens: z.int().min(2).max(16_777_216).nullable(),
      secondHalf: z.boolean(),
    }),
    chunk: WorkEvent,
    done: z.strictObject({ ...PerplexityResult.shape, jobId: Id, ...computed }),
  }),
  /** Reads a prompt and tells what its cache holds; `compare`: also f16 and q8, measured on it. */
  reportCache: stream({
    input: z.strictObject({ ...cachedPrompt, compare: z.boolean() }),
    chunk: WorkEvent,
    done: CacheReport,
  }),
  /** Reads a prompt and saves its cache under a name that none has yet. */
  saveCache: stream({
    input: z.strictObject({ ...cachedPrompt, name: CacheName }),
    chunk: WorkEvent,
    done: SavedCache,
  }),
  /** Opens the model that a cache was saved by, restores it and goes on with `text`, if any. `cache`: its id or name. */
  restoreCache: stream({
    input: z.strictObject({
      cache: z.string().min(1).max(100),
      text: text.nullable(),
      maxTokens: z.int().min(1).max(16_777_216),
      threads: z.int().min(1).max(1024).nullable(),
    }),
    chunk: WorkEvent,
    done: ContinuedCache,
  }),
  listSavedCaches: query({ input: none, output: z.array(SavedCache) }),
  removeSavedCache: command({
    input: z.strictObject({ cache: z.string().min(1).max(100) }),
    output: SavedCache,
  }),
  /** A job. The first variant is the reference; models are measured in turn, then against the reference's reply and a text. */
  compare: stream({ input: CompareCommand, chunk: CompareEvent, done: CompareDone }),
  /** What loading would take and how fast it would be; settings that are null are Retort's choice. Throws as the engine's estimate. */
  estimate: query({ input: z.strictObject({ model: ModelReference, settings: LoadSettings }), output: Fit }),
  /** How fast the disk is that `path` (absolute) lies on; null: the cache folder. Measured once, and kept among the caches. */
  measureDisk: stream({
    input: z.strictObject({ path: path.nullable() }),
    chunk: WorkEvent,
    done: DiskCurve,
  }),
  /** A job. `out` is absolute, and nothing has this name yet; a call that was stopped is gone on with by the same call. */
  pack: stream({
    input: z.strictObject({ model: ModelReference, out: path, threads: z.int().min(1).max(1024).nullable() }),
    chunk: WorkEvent,
    done: z.strictObject({ ...PackResult.shape, jobId: Id }),
  }),
  /** A job, but for an estimate. `out` is an absolute folder. With `add` the library gets the variants, under names of their own. */
  quantize: stream({
    input: z.strictObject({
      model: ModelReference,
      out: path,
      threads: z.int().min(1).max(1024).nullable(),
      add: z.boolean(),
      ...QuantizeSettings.shape,
    }),
    chunk: WorkEvent,
    done: z.strictObject({
      ...QuantizeResult.shape,
      jobId: Id.nullable(),
      /** Names in the library. */
      added: z.array(z.string()),
    }),
  }),
  /** Compares every record of a pack with its checksum; the first that is damaged is an error that names it. */
  verifyPack: stream({
    input: z.strictObject({ model: ModelReference }),
    chunk: WorkEvent,
    done: z.strictObject({ ...VerifyResult.shape, path: z.string() }),
  }),
};
export type HostContract = typeof hostContract;
