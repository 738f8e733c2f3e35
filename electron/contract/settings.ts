/** What a person chose, kept in one JSON file. */
import { z } from 'zod';
import { KvCodec } from './open-model.ts';
import { MemoryBudget } from './machine.ts';
import { Id, text } from './identifiers.ts';
import { SamplingChoice } from './sampling.ts';

/** A system prompt and sampling under a name. */
export const Preset = z.strictObject({
  id: Id,
  name: z.string().trim().min(1).max(100),
  systemPrompt: text,
  sampling: SamplingChoice,
});
export type Preset = z.infer<typeof Preset>;

export const Theme = z.enum(['system', 'light', 'dark']);

export const Settings = z.strictObject({
  theme: Theme.default('system'),
  /** Null: all cores. */
  threads: z.int().min(1).max(1024).nullable().default(null),
  /** Null: the smaller of 8,192 and the model's own. */
  defaultContext: z.int().min(1).max(16_777_216).nullable().default(null),
  kvCodec: KvCodec.nullable().default(null),
  /** Of models that are streamed, by their ids: what was chosen the last time. */
  memoryBudgets: z.record(Id, MemoryBudget).default({}),
  /** Null: as long as the context allows. */
  maxTokens: z.int().min(1).max(16_777_216).nullable().default(null),
  presets: z.array(Preset).max(1000).default([]),
  /** Loaded again at the next start. */
  lastModel: Id.nullable().default(null),
  lastChat: Id.nullable().default(null),
  /** Typed and not sent where there is no chat yet. */
  draft: text.default(''),
  showsInstruments: z.boolean().default(true),
});
export type Settings = z.infer<typeof Settings>;

/** Null resets nothing: a field that is present is set. */
export const SettingsChange = z.strictObject({
  theme: Theme.optional(),
  threads: Settings.shape.threads.unwrap().optional(),
  defaultContext: Settings.shape.defaultContext.unwrap().optional(),
  kvCodec: Settings.shape.kvCodec.unwrap().optional(),
  memoryBudgets: Settings.shape.memoryBudgets.unwrap().optional(),
  maxTokens: Settings.shape.maxTokens.unwrap().optional(),
  presets: Settings.shape.presets.unwrap().optional(),
  lastModel: Settings.shape.lastModel.unwrap().optional(),
  lastChat: Settings.shape.lastChat.unwrap().optional(),
  draft: Settings.shape.draft.unwrap().optional(),
  showsInstruments: Settings.shape.showsInstruments.unwrap().optional(),
});
export type SettingsChange = z.infer<typeof SettingsChange>;

/** A folder whose models are listed; the id stands for its path, which pages never see. */
export const ModelFolder = z.strictObject({
  id: Id,
  label: z.string(),
  models: z.int().nonnegative(),
  isPresent: z.boolean(),
});
export type ModelFolder = z.infer<typeof ModelFolder>;
