/**
 * Operations of the host for pages: the same in Electron, over a MessagePort, and in a browser, over a WebSocket. No path goes in or
 * comes out: files are named by ids that the host or the shell gave out.
 */
import { z } from 'zod';
import {
  AttachedFile,
  Chat,
  ChatChange,
  ChatSummary,
  ExportFormat,
  Ledger,
  Message,
  ReplyToken,
  ReplyUpdate,
  SearchHit,
} from './chats.ts';
import {
  CompareEvent,
  ComparePrice,
  CompareRequest,
  OpenComparison,
  Report,
  ReportFormat,
  WeightHistogram,
} from './compare.ts';
import { CacheCellInput, CacheMap, CacheMapInput, CodecComparison } from './held-cache.ts';
import { ModelSummary, TensorEvent } from './model-summary.ts';
import { Progress } from './progress.ts';
import { DiskCurve, FlashReading, Streaming } from './streaming.ts';
import { TokenId } from './tokens.ts';
import { Cache, Job, Run, RunKind, RunSummary } from './host-contract.ts';
import { bytes, count, Id, text, time } from './identifiers.ts';
import { CacheName, HeldConversation, RestoredCache, SavedCache } from './kv-cache.ts';
import { Fit, LoadSettings, LoadState, MemoryBudget, MemoryReading, PageModel } from './machine.ts';
import { command, query, stream } from './operation.ts';
import { ModelFolder, Settings, SettingsChange } from './settings.ts';
import { TensorNames } from './tensor-statistics.ts';
import { TraceRecord } from './trace.ts';

const none = z.strictObject({});
const nothing = z.null();

/** A run without the places of files: its settings and figures are those of the record less every field called path. */
export const PageRun = z.strictObject({
  ...Run.omit({ modelPath: true }).shape,
  title: z.string(),
  headlines: RunSummary.shape.headlines,
  /** repeatRun can compute it again. */
  canRepeat: z.boolean(),
});
export type PageRun = z.infer<typeof PageRun>;

/** What a page is told of a job that it watches: the job whenever it changes, and of a comparison what is there of it. */
export const JobUpdate = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('job'), job: Job }),
  z.strictObject({ type: z.literal('comparison'), comparison: OpenComparison }),
  ...CompareEvent.options,
]);
export type JobUpdate = z.infer<typeof JobUpdate>;

/** Something a person must be told that no operation of theirs asked for. */
export const Notice = z.strictObject({
  id: Id,
  level: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  at: time,
});
export type Notice = z.infer<typeof Notice>;

/** What a page shows at once. */
export const Start = z.strictObject({
  version: z.string(),
  platform: z.string(),
  settings: Settings,
  engine: LoadState,
  notices: z.array(Notice),
  /** Newest first, pinned ones before. */
  chats: z.array(ChatSummary),
  cores: z.int().positive(),
});
export type Start = z.infer<typeof Start>;

export const AppEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('engine'), engine: LoadState }),
  z.strictObject({ type: z.literal('settings'), settings: Settings }),
  z.strictObject({ type: z.literal('notice'), notice: Notice }),
  /** It was dismissed, or what it says is no longer so. */
  z.strictObject({ type: z.literal('notice-removed'), id: Id }),
  /** A chat came or changed. */
  z.strictObject({ type: z.literal('chat'), chat: ChatSummary }),
  z.strictObject({ type: z.literal('chat-removed'), id: Id }),
  /** A message came, or its state, text or reply changed; growing text comes by followReply alone. */
  z.strictObject({ type: z.literal('message'), message: Message }),
  /** The list of models is to be read again. */
  z.strictObject({ type: z.literal('models') }),
]);
export type AppEvent = z.infer<typeof AppEvent>;

const draft = {
  chatId: Id,
  /** The message that the new one follows; null: none. */
  parentId: Id.nullable(),
  text,
  files: z.array(AttachedFile).max(100),
};

export const pageContract = {
  start: query({ input: none, output: Start }),
  /** Everything that changes, until the page leaves. Begins with the engine's state and the settings. */
  watch: stream({ input: none, chunk: AppEvent, done: nothing }),
  changeSettings: command({ input: SettingsChange, output: Settings }),
  dismissNotice: command({ input: z.strictObject({ id: Id }), output: nothing }),
  /** Versions, machine, engine and latest errors as text; no prompts, no paths outside Retort's own folders. */
  diagnostics: query({ input: none, output: z.string() }),
  dataFolder: query({
    input: none,
    output: z.strictObject({ label: z.string(), bytes, chats: count, backups: count }),
  }),

  listCaches: query({ input: none, output: z.array(Cache) }),
  removeCache: command({ input: z.strictObject({ id: Id }), output: Cache }),

  listModels: query({ input: none, output: z.array(PageModel) }),
  /** Adds what the shell's dialog or a drop gave; `grant` is the shell's word for it. Headers are read first. */
  importModel: command({ input: z.strictObject({ grant: Id }), output: PageModel }),
  /** Adds a model of a folder or of another program to the library, where it lies. */
  adoptModel: command({ input: z.strictObject({ id: Id }), output: PageModel }),
  /** Forgets it; no file is deleted. */
  forgetModel: command({ input: z.strictObject({ id: Id }), output: nothing }),
  inspectModel: query({ input: z.strictObject({ id: Id }), output: ModelSummary }),
  /**
   * What the values of tensors are; null: of all. They are read one after the other, and told as they come. Refused with not-found for a name that is
   * not there, with bad-request where the model is another than that whose `identity` inspectModel told.
   */
  tensorStatistics: stream({
    input: z.strictObject({ id: Id, identity: z.string().max(1000), tensors: TensorNames }),
    chunk: TensorEvent,
    done: nothing,
  }),
  estimateFit: query({ input: z.strictObject({ id: Id, settings: LoadSettings }), output: Fit }),
  /** Begins loading, in place of what is loaded, and returns; `watch` tells how it goes. Refused where it does not fit, unless `force`. */
  loadModel: command({
    input: z.strictObject({ id: Id, settings: LoadSettings, force: z.boolean() }),
    output: nothing,
  }),
  /** Ends loading or gives the memory back; a running reply is stopped first. */
  unloadModel: command({ input: none, output: nothing }),
  /** What the loaded model's weights in flash do; null: none is ready, or it is no pack. */
  readFlash: query({ input: none, output: FlashReading.nullable() }),
  /**
   * Another budget for the loaded model, kept for its next loading; waits for a growing reply, no reload. Null: auto. Refused with
   * unsupported-feature where the model is not streamed, and with bad-request below the least.
   */
  setMemoryBudget: command({
    input: z.strictObject({ memoryBudget: MemoryBudget.nullable() }),
    output: Streaming,
  }),
  /** How fast the disk is that a model lies on, for predictions: measured once, which takes seconds, and kept among the caches. */
  measureDisk: stream({ input: z.strictObject({ id: Id }), chunk: Progress, done: DiskCurve }),
  listModelFolders: query({ input: none, output: z.array(ModelFolder) }),
  addModelFolder: command({ input: z.strictObject({ grant: Id }), output: ModelFolder }),
  removeModelFolder: command({ input: z.strictObject({ id: Id }), output: nothing }),

  /** What a comparison would take and whether it would be refused. Reads headers and counts tokens; throws what naming a model throws. */
  priceComparison: query({ input: CompareRequest, output: ComparePrice }),
  /** Begins it and returns; watchJob tells how it goes. Throws what the price names as its problem. */
  startComparison: command({ input: CompareRequest, output: Job }),
  /** Weights of one matrix, by its canonical name, in a model and in its reference. */
  readHistogram: query({
    input: z.strictObject({ referenceId: Id, variantId: Id, tensor: z.string().min(1).max(300) }),
    output: WeightHistogram,
  }),

  /** Newest first; titles name files without their folders. */
  listJobs: query({ input: none, output: z.array(Job) }),
  /** What there is of it, then what comes, until it ends; at once where it has. */
  watchJob: stream({ input: z.strictObject({ id: Id }), chunk: JobUpdate, done: Job }),
  /** Asks for the end of a job; one that was interrupted will not be resumed, and what it kept is deleted. */
  cancelJob: command({ input: z.strictObject({ id: Id }), output: Job }),
  /** Goes on with an interrupted comparison and returns; at start the app does so by itself with its own. */
  resumeJob: command({ input: z.strictObject({ id: Id }), output: Job }),

  /** Newest first. Null: of every kind. */
  listRuns: query({
    input: z.strictObject({ kind: RunKind.nullable(), limit: z.int().min(1).max(10_000) }),
    output: z.array(RunSummary),
  }),
  readRun: query({ input: z.strictObject({ id: Id }), output: PageRun }),
  removeRun: command({ input: z.strictObject({ id: Id }), output: nothing }),
  /** Of a comparison a page, a table or all of it; of other runs all of it or their figures. */
  exportRun: query({ input: z.strictObject({ id: Id, format: ReportFormat }), output: Report }),
  /** Begins the same comparison again, as a job. Throws bad-request for other kinds and where a model is another one now. */
  repeatRun: command({ input: z.strictObject({ id: Id }), output: Job }),

  createChat: command({ input: ChatChange, output: Chat }),
  readChat: query({
    input: z.strictObject({ id: Id }),
    output: z.strictObject({ chat: Chat, messages: z.array(Message) }),
  }),
  changeChat: command({ input: z.strictObject({ id: Id, change: ChatChange }), output: Chat }),
  deleteChat: command({ input: z.strictObject({ id: Id }), output: nothing }),
  /** Undoes deleteChat; possible until the next start. */
  restoreChat: command({ input: z.strictObject({ id: Id }), output: ChatSummary }),
  searchChats: query({
    input: z.strictObject({ query: z.string().min(1).max(1000), limit: z.int().min(1).max(1000) }),
    output: z.array(SearchHit),
  }),
  exportChat: query({
    input: z.strictObject({ id: Id, format: ExportFormat }),
    output: z.strictObject({ fileName: z.string(), mediaType: z.string(), text: z.string() }),
  }),
  importChat: command({ input: z.strictObject({ text }), output: ChatSummary }),

  /** Counts what would be sent, by the tokenizer of `model`: nothing else of it is loaded. `chatId` null: a chat that is not there yet. */
  measurePrompt: query({
    input: z.strictObject({ ...draft, chatId: Id.nullable(), model: Id }),
    output: Ledger,
  }),
  /** The message is on disk when this returns; the reply follows by itself. Refused with context-full where it does not fit. */
  send: command({
    input: z.strictObject({ ...draft, model: Id }),
    output: z.strictObject({ message: Message, reply: Message }),
  }),
  /** Another reply to the message that `replyId` answers: a branch. */
  regenerate: command({ input: z.strictObject({ replyId: Id, model: Id }), output: Message }),
  /** A branch of a reply: its tokens before `token`, then `alternative` in its place, then on from there. */
  branchReply: command({
    input: z.strictObject({ replyId: Id, token: count, alternative: TokenId }),
    output: Message,
  }),
  /** Ends a reply and keeps what there is. */
  stopReply: command({ input: z.strictObject({ replyId: Id }), output: nothing }),
  /** Joins a reply at token `from`; ends with the message when the reply ends, at once where it has. */
  followReply: stream({
    input: z.strictObject({ replyId: Id, from: count }),
    chunk: ReplyUpdate,
    done: Message,
  }),
  readTimeline: query({
    input: z.strictObject({ replyId: Id }),
    output: z.strictObject({ tokens: z.array(ReplyToken), prefill: z.array(TraceRecord) }),
  }),

  /** What the model in memory holds of a conversation; null: no model is ready, or it holds nothing. Waits for a growing reply. */
  readHeldCache: query({ input: none, output: HeldConversation.nullable() }),
  /** Values of every layer and position of it. Throws bad-request where nothing is held, unsupported-feature where the engine cannot tell. */
  readCacheMap: query({ input: CacheMapInput, output: CacheMap }),
  /** One cell, head by head; null: no number. */
  readCacheCell: query({ input: CacheCellInput, output: z.array(z.number().nullable()) }),
  /** What f16 and q8 do to it, measured; ends `cancelled` when a reply begins. */
  compareCodecs: stream({ input: none, chunk: Progress, done: CodecComparison }),
  /** Frees it: the next message is read from its beginning. */
  clearCache: command({ input: none, output: nothing }),
  /** Writes it to disk under a name that none has yet. Throws bad-request, disk-full. */
  saveCache: command({ input: z.strictObject({ name: CacheName }), output: SavedCache }),
  /** Newest first. */
  listSavedCaches: query({ input: none, output: z.array(SavedCache) }),
  /** In place of what is held. Throws bad-request with the reason where model or settings differ, bad-file where it is damaged: then nothing changed. */
  restoreSavedCache: command({ input: z.strictObject({ id: Id }), output: RestoredCache }),
  removeSavedCache: command({ input: z.strictObject({ id: Id }), output: SavedCache }),

  /** Memory once per interval, beginning now. */
  watchMemory: stream({
    input: z.strictObject({ intervalMs: z.int().min(200).max(60_000) }),
    chunk: MemoryReading,
    done: nothing,
  }),
};
export type PageContract = typeof pageContract;
