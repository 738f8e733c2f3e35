import { useEffect, useState } from 'react';
import type { AttachedFile, Ledger } from '../../../electron/contract/chats.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { useAppActions } from '../../app/app-context.ts';
import { useHost } from '../../ipc/host-context.ts';

const waitMs = 250;

export interface MeasureInput {
  readonly chatId: string | null;
  readonly parentId: string | null;
  readonly text: string;
  readonly files: readonly AttachedFile[];
  readonly model: string | null;
  /** Anything else that changes the count: it is counted anew when this changes. */
  readonly revision: string;
}

export interface Measured {
  /** The latest count of this chat; null before the first. */
  readonly ledger: Ledger | null;
  /** It counts what stands there now, not what stood there a moment ago. */
  readonly isCurrent: boolean;
  /** Why it could not be counted. */
  readonly error: string | null;
}

interface Answer {
  readonly of: MeasureInput;
  readonly ledger: Ledger | null;
  readonly error: string | null;
}

/** Counts what would be sent, a moment after it last changed; what is asked for no more is cancelled. */
export function useLedger({ chatId, parentId, text, files, model, revision }: MeasureInput): Measured {
  const { client } = useHost();
  const { showContextTokens } = useAppActions();
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => {
    if (model === null) return;
    const of = { chatId, parentId, text, files, model, revision };
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      client
        .measurePrompt({ chatId, parentId, text, files: [...files], model }, { signal: leaving.signal })
        .then((ledger) => {
          setAnswer({ of, ledger, error: null });
          showContextTokens(ledger.tokens);
        })
        .catch((error: unknown) => {
          const { code, message } = toLabError(error);
          if (code !== 'cancelled' && code !== 'engine-gone') setAnswer({ of, ledger: null, error: message });
        });
    }, waitMs);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, chatId, parentId, text, files, model, revision, showContextTokens]);
  if (answer?.of.chatId !== chatId) return { ledger: null, isCurrent: false, error: null };
  const isCurrent =
    answer.of.text === text &&
    answer.of.files === files &&
    answer.of.parentId === parentId &&
    answer.of.model === model;
  return { ledger: answer.ledger, isCurrent, error: answer.error };
}
