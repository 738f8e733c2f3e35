/** What stands in the context, part by part, counted by the model's own tokenizer and template before anything is sent. */
import type { Ledger, LedgerPart } from '../../contract/chats.ts';
import type { CacheSpan } from '../../contract/kv-cache.ts';
import { LabError } from '../../contract/errors.ts';
import type { Services } from '../services.ts';
import { usualContext } from '../loaded/loaded-model.ts';
import type { ContentPart, PromptMessage } from './prompt.ts';

/** The prompt as the model reads it, and what ends a reply to it. */
export interface EncodedPrompt {
  readonly ids: readonly number[];
  /** For each id: the message its text came from, −1: the template. */
  readonly origins: readonly number[];
  /** For each id: where in that message's content its text begins. */
  readonly offsets: readonly number[];
  readonly warnings: readonly string[];
  readonly ends: readonly number[];
  readonly stops: readonly string[];
}

export const emptyPrompt: EncodedPrompt = {
  ids: [],
  origins: [],
  offsets: [],
  warnings: [],
  ends: [],
  stops: [],
};

/** Throws template-failed where the model has no template, and what the text process throws. */
export async function encodePrompt(
  services: Pick<Services, 'text'>,
  path: string,
  prompt: readonly PromptMessage[],
  signal: AbortSignal,
): Promise<EncodedPrompt> {
  if (prompt.length === 0) return emptyPrompt;
  const text = await services.text.open(path, signal);
  if (!text.info.hasTemplate) {
    throw new LabError(
      'template-failed',
      'This model has no chat template: it continues text, but does not chat.',
    );
  }
  const messages = prompt.map(({ role, content }) => ({ role, content }));
  return text.encodeChat({ messages, addGenerationPrompt: true });
}

interface Room {
  readonly context: number;
  readonly kvBytesPerToken: number | null;
  /** What the engine holds from the latest turn. */
  readonly held: readonly number[];
}

/** The context of the model as it is loaded, or as it would be. */
async function roomOf(
  services: Pick<Services, 'loaded' | 'models' | 'settings'>,
  id: string,
  signal: AbortSignal,
): Promise<Room> {
  const { state } = services.loaded;
  if (state.state === 'ready' && state.model === id) {
    const ready = await services.loaded.opening(id);
    const held = ready ? (await ready.process.client.conversation({}, { signal })).ids : [];
    return { context: state.context, kvBytesPerToken: state.kvBytesPerToken, held };
  }
  const { contextLength } = await services.models.inspect(id, signal);
  const { defaultContext } = await services.settings.read();
  const { wanted } = services.loaded;
  const wished = wanted?.id === id ? wanted.context : defaultContext;
  const context = Math.min(wished ?? usualContext, contextLength ?? usualContext);
  return { context, kvBytesPerToken: null, held: [] };
}

/** Counts the prompt for the model `id`. Throws what encodePrompt throws, and not-found. */
export async function measure(
  services: Pick<Services, 'text' | 'loaded' | 'models' | 'settings'>,
  id: string,
  prompt: readonly PromptMessage[],
  signal: AbortSignal,
): Promise<Ledger> {
  const { path } = await services.models.pathOf(id);
  const [encoded, room] = await Promise.all([
    encodePrompt(services, path, prompt, signal),
    roomOf(services, id, signal),
  ]);
  return ledgerOf(prompt, encoded, room);
}

function ledgerOf(prompt: readonly PromptMessage[], encoded: EncodedPrompt, room: Room): Ledger {
  const { ids, warnings } = encoded;
  // The last one is always read, for its logits.
  const reusedTokens = Math.max(0, Math.min(commonLength(ids, room.held), ids.length - 1));
  const parts = partsOf(prompt, encoded, reusedTokens);
  const ofDraft = parts.filter(
    ({ origin, messageId }) => origin === 'draft' || (origin === 'file' && messageId === null),
  );
  return {
    parts,
    tokens: ids.length,
    reusedTokens,
    draftTokens: ofDraft.reduce((sum, { tokens }) => sum + tokens, 0),
    context: room.context,
    fits: ids.length < room.context,
    kvBytesPerToken: room.kvBytesPerToken,
    warnings: [...warnings],
  };
}

/** How many ids at the start are the same. */
function commonLength(ids: readonly number[], held: readonly number[]): number {
  const most = Math.min(ids.length, held.length);
  let same = 0;
  while (same < most && ids[same] === held[same]) same += 1;
  return same;
}

interface CountedPart {
  readonly origin: LedgerPart['origin'];
  readonly messageId: string | null;
  readonly label: string;
  tokens: number;
  reusedTokens: number;
}

const emptyPart = ({
  origin,
  messageId,
  label,
}: Omit<ContentPart, 'from' | 'to' | 'origin'> & { origin: LedgerPart['origin'] }): CountedPart => ({
  origin,
  messageId,
  label,
  tokens: 0,
  reusedTokens: 0,
});

/** The part of each id. */
function partOfEach(prompt: readonly PromptMessage[], encoded: EncodedPrompt) {
  const ofMessages = prompt.map(({ parts }) => parts.map(emptyPart));
  const template = emptyPart({ origin: 'template', messageId: null, label: 'chat template' });
  const ofIds = encoded.ids.map((_id, index) => {
    const message = encoded.origins[index] ?? -1;
    const offset = encoded.offsets[index] ?? 0;
    const which = prompt[message]?.parts.findLastIndex(({ from }) => from <= offset) ?? -1;
    return ofMessages[message]?.[which] ?? template;
  });
  return { parts: [...ofMessages.flat(), template], ofIds };
}

function countTokens(
  parts: readonly CountedPart[],
  ofIds: readonly CountedPart[],
  reused: number,
): LedgerPart[] {
  ofIds.forEach((part, index) => {
    part.tokens += 1;
    if (index < reused) part.reusedTokens += 1;
  });
  return parts.filter(({ tokens }) => tokens > 0);
}

function partsOf(prompt: readonly PromptMessage[], encoded: EncodedPrompt, reused: number): LedgerPart[] {
  const { parts, ofIds } = partOfEach(prompt, encoded);
  return countTokens(parts, ofIds, reused);
}

/** The same parts of what is held: as far as it is the prompt's beginning, and then what was generated. */
export function heldParts(
  prompt: readonly PromptMessage[],
  encoded: EncodedPrompt,
  held: readonly number[],
  reusedTokens: number,
): { parts: LedgerPart[]; spans: CacheSpan[] } {
  const known = partOfEach(prompt, encoded);
  const generated = emptyPart({ origin: 'generated', messageId: null, label: 'generated' });
  const same = commonLength(encoded.ids, held);
  const ofIds = held.map((_id, index) => (index < same ? (known.ofIds[index] ?? generated) : generated));
  const parts = countTokens([...known.parts, generated], ofIds, reusedTokens);
  const spans: { part: number; from: number; to: number }[] = [];
  ofIds.forEach((part, index) => {
    const number = parts.indexOf(part);
    const last = spans.at(-1);
    if (last?.part === number) last.to = index + 1;
    else spans.push({ part: number, from: index, to: index + 1 });
  });
  return { parts, spans };
}
