/** What the host answers to a question of a screen: asked when it is shown, and again when told so. */
import { useCallback, useEffect, useEffectEvent, useState } from 'react';
import { toLabError } from '../../electron/contract/errors.ts';
import type { CallOptions } from '../../electron/contract/rpc.ts';

/** Null while it is asked for the first time. */
export type Answer<Value> = { readonly value: Value } | { readonly error: string } | null;

export function useAnswer<Value>(
  ask: (options: CallOptions) => Promise<Value>,
): [Answer<Value>, again: () => void] {
  const [answer, setAnswer] = useState<Answer<Value>>(null);
  const [turn, setTurn] = useState(0);
  const begin = useEffectEvent(ask);
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    begin({ signal }).then(
      (value) => !signal.aborted && setAnswer({ value }),
      (error: unknown) => !signal.aborted && setAnswer({ error: toLabError(error).message }),
    );
    return () => leaving.abort();
  }, [turn]);
  return [answer, useCallback(() => setTurn((before) => before + 1), [])];
}
