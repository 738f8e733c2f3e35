/** What the model in memory holds, asked for when it may have changed, and the map of it that is looked at. */
import { useEffect, useState } from 'react';
import { decodeFloats } from '../../../electron/contract/floats.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import type { LoadState } from '../../../electron/contract/machine.ts';
import { useApp } from '../../app/app-context.ts';
import { useHost } from '../../ipc/host-context.ts';
import { useDraft } from '../chat/chat-context.ts';
import { isRead, knownValues, type CacheValues, type MapMeasure } from './cache-map.ts';

export type HeldState =
  | { readonly state: 'reading' }
  | { readonly state: 'none' }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'held'; readonly held: HeldConversation };

const failed = (error: unknown) => ({ state: 'failed' as const, message: toLabError(error).message });

/** The model as it is loaded; null: none is ready. Another one holds something else. */
export const loadedKey = (engine: LoadState): string | null =>
  engine.state === 'ready' ? `${engine.model} ${engine.kvCodec} ${engine.context}` : null;

/** `turn`: asked again when it changes. While a reply grows what was there stays. */
export function useHeldCache(turn: number): HeldState {
  const { client } = useHost();
  const [, draft] = useDraft();
  const [answer, setAnswer] = useState<{ readonly of: string; readonly state: HeldState } | null>(null);
  const engine = useApp(({ engine: now }) => now);
  const isBusy = engine.state === 'ready' && engine.isBusy;
  const tokens = engine.state === 'ready' ? engine.held : -1;
  const of = loadedKey(engine);
  useEffect(() => {
    if (of === null || isBusy) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    const take = (state: HeldState) => !signal.aborted && setAnswer({ of, state });
    // What the next message costs is counted with it.
    draft.flush();
    client.readHeldCache({}, { signal }).then(
      (held) => take(held ? { state: 'held', held } : { state: 'none' }),
      (error: unknown) => take(failed(error)),
    );
    return () => leaving.abort();
  }, [client, draft, of, isBusy, tokens, turn]);
  return answer && answer.of === of ? answer.state : { state: 'reading' };
}

export type MapState =
  | { readonly state: 'reading' }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'read'; readonly held: HeldConversation; readonly map: CacheValues };

/** `head` null: the mean of all. The map before stays until the next is there. */
export function useCacheMap(held: HeldConversation, measure: MapMeasure, head: number | null): MapState {
  const { client } = useHost();
  const [state, setState] = useState<MapState>({ state: 'reading' });
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const read = async (): Promise<MapState> => {
      if (!isRead(measure)) return { state: 'read', held, map: knownValues(held, measure) };
      const { layers, positions, values } = await client.readCacheMap({ measure, head }, { signal });
      return { state: 'read', held, map: { measure, layers, positions, values: decodeFloats(values) } };
    };
    read()
      .catch(failed)
      .then((next) => !signal.aborted && setState(next))
      .catch(() => undefined);
    return () => leaving.abort();
  }, [client, held, measure, head]);
  return state;
}
