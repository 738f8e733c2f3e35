/** What the draft would take: asked for again when it rests after a change. */
import { useEffect, useState } from 'react';
import type { ComparePrice } from '../../../electron/contract/compare.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { useHost } from '../../ipc/host-context.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import type { PricedVariant } from './PriceCells.tsx';
import { requestOf, type Draft, type DraftVariant } from './draft.ts';

const restMs = 300;

export interface Pricing {
  /** Of the draft as it is now; null: it is asked for, or something is missing. */
  readonly price: Answer<ComparePrice>;
  /** The latest there was, so that the page keeps its shape while another is asked for. */
  readonly before: ComparePrice | null;
  /** What the latest price says of each variant; null: of none like it. */
  readonly variants: readonly (PricedVariant | null)[];
  readonly again: () => void;
}

export function usePrice(draft: Draft): Pricing {
  const { client } = useHost();
  const [turn, setTurn] = useState(0);
  const [latest, setLatest] = useState<{ readonly of: Draft; readonly price: Answer<ComparePrice> } | null>(
    null,
  );
  const before = latest?.price && 'value' in latest.price ? latest.price.value : null;
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
    before,
    variants: draft.variants.map((variant) => {
      const place = latest?.of.variants.findIndex((other) => isEqual(other, variant)) ?? -1;
      return before?.variants[place] ?? null;
    }),
    again: () => setTurn((before) => before + 1),
  };
}

const isEqual = (left: DraftVariant, right: DraftVariant): boolean =>
  JSON.stringify(left) === JSON.stringify(right);
