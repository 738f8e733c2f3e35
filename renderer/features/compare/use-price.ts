/** What the draft would take: asked for again when it rests after a change. */
import { useEffect, useState } from 'react';
import type { ComparePrice } from '../../../electron/contract/compare.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { useHost } from '../../ipc/host-context.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import { requestOf, type Draft } from './draft.ts';

const restMs = 300;

export interface Pricing {
  /** Of the draft as it is now; null: it is asked for, or something is missing. */
  readonly price: Answer<ComparePrice>;
  readonly again: () => void;
}

export function usePrice(draft: Draft): Pricing {
  const { client } = useHost();
  const [turn, setTurn] = useState(0);
  const [latest, setLatest] = useState<{ readonly of: Draft; readonly price: Answer<ComparePrice> } | null>(
    null,
  );
  useEffect(() => {
    const request = requestOf(draft);
    if (!request) return undefined;
    const leaving = new AbortController();
    const { signal } = leaving;
    const ask = () =>
      client.priceComparison(request, { signal }).then(
        (value) => !signal.aborted && setLatest({ of: draft, price: { value } }),
        (error: unknown) =>
          !signal.aborted && setLatest({ of: draft, price: { error: toLabError(error).message } }),
      );
    const timer = setTimeout(() => void ask(), restMs);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, draft, turn]);
  return {
    price: latest?.of === draft ? latest.price : null,
    again: () => setTurn((before) => before + 1),
  };
}
