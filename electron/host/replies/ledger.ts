/** What stands in the context, part by part, counted by the model's own tokenizer and template before anything is sent. */
import type { Ledger, LedgerPart } from '../../contract/chats.ts';
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

const nothing: EncodedPrompt = { ids: [], origins: [], offsets: [], warnings: [], ends: [], stops: [] };

/** Throws template-failed where the model has no template, and what the text process throws. */
export async function encodePrompt(
  services: Pick<Services, 'text'>,
  path: string,
  prompt: readonly PromptMessage[],
  signal: AbortSignal,
): Promise<EncodedPrompt> {
  if (prompt.length === 0) return nothing;
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
  const reusedTokens = commonPrefix(ids, room.held);
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

/** How many ids at the start are the same; the last one is always read, for its logits. */
function commonPrefix(ids: readonly number[], held: readonly number[]): number {
  const most = Math.min(ids.length - 1, held.length);
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

function partsOf(prompt: readonly PromptMessage[], encoded: EncodedPrompt, reused: number): LedgerPart[] {
  const empty = ({
    origin,
    messageId,
    label,
  }: Omit<ContentPart, 'from' | 'to' | 'origin'> & { origin: LedgerPart['origin'] }) =>
    ({ origin, messageId, label, tokens: 0, reusedTokens: 0 }) satisfies CountedPart;
  const counted = prompt.map(({ parts }) => parts.map(empty));
  const template: CountedPart = empty({ origin: 'template', messageId: null, label: 'chat template' });
  encoded.ids.forEach((_id, index) => {
    const message = encoded.origins[index] ?? -1;
    const offset = encoded.offsets[index] ?? 0;
    const which = prompt[message]?.parts.findLastIndex(({ from }) => from <= offset) ?? -1;
    const part = counted[message]?.[which] ?? template;
    part.tokens += 1;
    if (index < reused) part.reusedTokens += 1;
  });
  return [...counted.flat(), template].filter(({ tokens }) => tokens > 0);
}
