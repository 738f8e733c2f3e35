/** What the model in memory holds of a chat: told with the chat's own words, mapped, compared, saved and restored. */
import type { EngineContract } from '../../contract/engine-contract.ts';
import type { HeldCache } from '../../contract/held-cache.ts';
import { LabError } from '../../contract/errors.ts';
import type { CacheLedger, HeldConversation, RestoredCache, SavedCache } from '../../contract/kv-cache.ts';
import type { Client } from '../../contract/rpc.ts';
import type { ReadyModel } from '../loaded/loaded-model.ts';
import { withoutPaths } from '../models/without-paths.ts';
import { emptyPrompt, encodePrompt, heldParts, measure, type EncodedPrompt } from '../replies/ledger.ts';
import { promptOf, type PromptMessage } from '../replies/prompt.ts';
import type { Services } from '../services.ts';
import { refusalOf, weightsOf, type StoredCache } from './saved-caches.ts';

type Shared = Pick<Services, 'loaded' | 'chats' | 'text' | 'models' | 'settings' | 'savedCaches'>;

/** Throws bad-request where no model is ready. */
export async function readyModel({ loaded }: Pick<Shared, 'loaded'>): Promise<ReadyModel> {
  const ready = await loaded.ready();
  if (!ready) throw new LabError('bad-request', 'No model is loaded.');
  return ready;
}

/** Null: no model is ready, or it holds nothing. */
export async function readHeldCache(services: Shared, signal: AbortSignal): Promise<HeldConversation | null> {
  const ready = await services.loaded.ready();
  if (!ready) return null;
  const held = await ready.process.client.heldCache({}, { signal });
  if (held.ids.length === 0) return null;
  const chat = await chatOf(services);
  const prompt = chat ? promptOf(chat.systemPrompt, chat.branch, null) : [];
  const next = chat && (await costOfNext(services, ready, chat, signal));
  // A template that fails now did not when this was read: then nothing is known of where it came from.
  const encoded = await encodePrompt(services, ready.wanted.path, prompt, signal).catch(() => emptyPrompt);
  return { ...ledgerOfHeld(prompt, encoded, held), chat: chat && { id: chat.id, title: chat.title }, next };
}

async function chatOf({ loaded, chats }: Shared) {
  if (loaded.heldChat === null) return null;
  const read = await chats.read(loaded.heldChat).catch(() => null);
  if (!read) return null;
  const { id, title, systemPrompt, leafId, draft } = read.chat;
  const branch = leafId === null ? [] : await chats.path(leafId);
  return { id, title, systemPrompt, draft, branch };
}

type KnownChat = NonNullable<Awaited<ReturnType<typeof chatOf>>>;

function costOfNext(services: Shared, ready: ReadyModel, chat: KnownChat, signal: AbortSignal) {
  const draft = chat.draft.trim() === '' ? null : { text: chat.draft, files: [] };
  return measure(services, ready.wanted.id, promptOf(chat.systemPrompt, chat.branch, draft), signal);
}

/** The ledger of what an engine holds; the prompt is what it may be the beginning of. */
export function ledgerOfHeld(
  prompt: readonly PromptMessage[],
  encoded: EncodedPrompt,
  held: HeldCache,
): CacheLedger {
  const { ids, reusedTokens, kvBytes, layers, codecs, pieces } = held;
  const context = held.context ?? 0;
  const { parts, spans } = heldParts(prompt, encoded, ids, reusedTokens);
  return { parts, spans, positions: ids.length, reusedTokens, context, kvBytes, layers, codecs, pieces };
}

const modelOf = ({ info, context }: ReadyModel) => ({ ...info, context });

/** As it is listed. */
export function shownCache(cache: StoredCache, refusal: string | null): SavedCache {
  const { id, name, savedAt, modelTitle, kvCodec, context, tokens, bytes } = cache;
  return { id, name, savedAt, modelTitle, kvCodec, context, tokens, bytes, refusal };
}

async function withRefusal(services: Shared, cache: StoredCache): Promise<SavedCache> {
  const ready = await services.loaded.ready();
  const refusal = ready ? refusalOf(cache, modelOf(ready)) : 'No model is loaded.';
  return shownCache(cache, refusal);
}

export async function listSaved(services: Shared): Promise<SavedCache[]> {
  return Promise.all((await services.savedCaches.list()).map((cache) => withRefusal(services, cache)));
}

export async function removeSaved(services: Shared, id: string): Promise<SavedCache> {
  return withRefusal(services, await services.savedCaches.remove(id));
}

export async function saveHeld(services: Shared, name: string): Promise<SavedCache> {
  const ready = await readyModel(services);
  const { wanted, info, context, process } = ready;
  const { engine, arithmetic, kvCodec } = info;
  const about = {
    ...{ name, identity: weightsOf(info), engine, arithmetic, kvCodec, context },
    ...{ modelTitle: wanted.title, modelPath: wanted.path, chatId: services.loaded.heldChat },
  };
  const { kvBytes } = await process.client.memory({});
  const write = (path: string) => withoutPaths(name, [path], process.client.saveCache({ path }));
  return withRefusal(services, await services.savedCaches.add(about, kvBytes, write));
}

export async function restoreSaved(services: Shared, id: string): Promise<RestoredCache> {
  const { savedCaches, loaded } = services;
  const [ready, cache] = [await readyModel(services), await savedCaches.find(id)];
  const restored = await restoreInto(ready.process.client, cache, modelOf(ready), savedCaches.fileOf(cache));
  loaded.heldChat = cache.chatId;
  loaded.kvBytes = restored.kvBytes;
  loaded.setHeld(restored.tokens);
  return restored;
}

/** Throws bad-request with the reason where the model is another one or otherwise loaded; the engine then keeps what it holds. */
export async function restoreInto(
  client: Client<EngineContract>,
  cache: StoredCache,
  model: Parameters<typeof refusalOf>[1],
  path: string,
): Promise<RestoredCache> {
  const refusal = refusalOf(cache, model);
  if (refusal !== null) throw new LabError('bad-request', `${cache.name} is not restored. ${refusal}`);
  const started = performance.now();
  const restored = await withoutPaths(
    cache.name,
    [path],
    client.restoreCache({ path, context: cache.context }),
  );
  return { ...restored, milliseconds: performance.now() - started };
}
