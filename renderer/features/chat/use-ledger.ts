import { useEffect, useState } from 'react';
import type { AttachedFile, Ledger } from '../../../electron/contract/chats.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { useHost } from '../../ipc/host-context.ts';

const waitMs = 250;

export interface Measured {
  readonly ledger: Ledger | null;
  /** Why it could not be counted. */
  readonly error: string | null;
}

export interface MeasureInput {
  readonly chatId: string | null;
  readonly parentId: string | null;
  readonly text: string;
  readonly files: readonly AttachedFile[];
  readonly model: string | null;
  /** Anything else that changes the count: it is counted anew when this changes. */
  readonly revision: string;
}

/** Counts what would be sent, a moment after it last changed; what is asked for no more is cancelled. */
export function useLedger({ chatId, parentId, text, files, model, revision }: MeasureInput): Measured {
  const { client } = useHost();
  const [measured, setMeasured] = useState<Measured>({ ledger: null, error: null });
  useEffect(() => {
    if (model === null) return;
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      client
        .measurePrompt({ chatId, parentId, text, files: [...files], model }, { signal: leaving.signal })
        .then((ledger) => setMeasured({ ledger, error: null }))
        .catch((error: unknown) => {
          const { code, message } = toLabError(error);
          if (code !== 'cancelled' && code !== 'engine-gone') setMeasured({ ledger: null, error: message });
        });
    }, waitMs);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, chatId, parentId, text, files, model, revision]);
  return measured;
}
