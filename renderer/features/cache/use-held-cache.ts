/** What the model in memory holds, asked for when it may have changed, and the map of it that is looked at. */
import { useEffect, useState } from 'react';
import { decodeFloats } from '../../../electron/contract/floats.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import { useApp } from '../../app/app-context.ts';
import { useHost } from '../../ipc/host-context.ts';
import { isRead, knownValues, type CacheValues, type MapMeasure } from './cache-map.ts';

export type HeldState =
  | { readonly state: 'reading' }
  | { readonly state: 'none' }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'held'; readonly held: HeldConversation };

const failed = (error: unknown) => ({ state: 'failed' as const, message: toLabError(error).message });

/** `turn`: asked again when it changes. While a reply grows what was there stays. */
export function useHeldCache(turn: number): HeldState {
  const { client } = useHost();
  const [state, setState] = useState<HeldState>({ state: 'reading' });
  const engine = useApp(({ engine: now }) => now);
  const isBusy = engine.state === 'ready' && engine.isBusy;
  const tokens = engine.state === 'ready' ? engine.held : -1;
  useEffect(() => {
    if (isBusy) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    client.readHeldCache({}, { signal }).then(
      (held) => !signal.aborted && setState(held ? { state: 'held', held } : { state: 'none' }),
      (error: unknown) => !signal.aborted && setState(failed(error)),
    );
    return () => leaving.abort();
  }, [client, isBusy, tokens, engine.state, turn]);
  return state;
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
