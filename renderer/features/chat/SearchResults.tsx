import { useEffect, useState } from 'react';
import type { SearchHit } from '../../../electron/contract/chats.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import { fragmentOf } from '../../app/routes.ts';
import { useHost } from '../../ipc/host-context.ts';
import { formatCount } from '../../ui/format.ts';

const waitMs = 150;
const mostHits = 200;

interface Found {
  readonly query: string;
  readonly hits: readonly SearchHit[];
  readonly error: string | null;
}

function useSearch(query: string): Found | null {
  const { client } = useHost();
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      client
        .searchChats({ query, limit: mostHits }, { signal: leaving.signal })
        .then((hits) => setFound({ query, hits, error: null }))
        .catch((error: unknown) => {
          const { code, message } = toLabError(error);
          if (code !== 'cancelled') setFound({ query, hits: [], error: message });
        });
    }, waitMs);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [client, query]);
  return found;
}

/** Chats and messages in which the words stand, the words marked. */
export function SearchResults({ query }: { readonly query: string }) {
  const found = useSearch(query);
  const count = found
    ? `${formatCount(found.hits.length, 'result')}${found.hits.length === mostHits ? ', the latest' : ''}`
    : 'Searching';
  return (
    <div className="scrollable px-2 pb-2">
      <p role="status" className="px-2 pt-4 pb-1 text-1 text-text-muted">
        {found?.error ?? count}
      </p>
      <ul aria-label="Results" className="grid gap-1">
        {found?.hits.map((hit, index) => (
          <li key={index}>
            <a
              href={fragmentOf({ screen: 'chat', chatId: hit.chatId, messageId: hit.messageId })}
              className="block cursor-default rounded-1 px-2 py-1 text-text no-underline hover:bg-surface-hover"
            >
              <span className="block truncate">{hit.chatTitle}</span>
              <span className="line-clamp-3 text-1 break-words text-text-muted">
                {hit.snippet.map(({ text, isMatch }, piece) =>
                  isMatch ? (
                    <mark key={piece} className="bg-accent-tint font-strong text-text">
                      {text}
                    </mark>
                  ) : (
                    text
                  ),
                )}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}
