import { useEffect, useState, type ReactNode } from 'react';
import { CopyButton } from '../../../ui/CopyButton.tsx';
import type { CodeLine } from './highlight.ts';
import { languageOf } from './languages.ts';

/** Pieces of the code in colour, once they are there. Code that still grows stays plain. */
function useHighlighted(code: string, language: string | null): readonly CodeLine[] | null {
  const [done, setDone] = useState<{ readonly code: string; readonly lines: readonly CodeLine[] } | null>(
    null,
  );
  useEffect(() => {
    if (language === null) return;
    const leaving = new AbortController();
    void import('./highlight.ts')
      .then(({ highlight }) => highlight(code, language, leaving.signal))
      .then((lines) => {
        if (lines && !leaving.signal.aborted) setDone({ code, lines });
      });
    return () => leaving.abort();
  }, [code, language]);
  return done?.code === code ? done.lines : null;
}

function Lines({ lines }: { readonly lines: readonly CodeLine[] }) {
  return lines.map((line, number) => (
    <span key={number}>
      {number > 0 && '\n'}
      {line.map(({ text, colour }, index) =>
        colour === null ? (
          text
        ) : (
          <span key={index} style={{ color: colour }}>
            {text}
          </span>
        ),
      )}
    </span>
  ));
}

/** A listing with its language and a button that copies it. `children`: the code as tokens, in place of colours. */
export function CodeBlock({
  code,
  languageName,
  isGrowing,
  children,
}: {
  readonly code: string;
  readonly languageName: string;
  readonly isGrowing: boolean;
  readonly children?: ReactNode;
}) {
  const isPlain = isGrowing || children !== undefined;
  const lines = useHighlighted(code, isPlain ? null : languageOf(languageName));
  return (
    <div className="rounded-1 bg-surface-sunken">
      <div className="flex items-center justify-between px-3 pt-1 text-1 text-text-muted">
        <span>{languageName}</span>
        <CopyButton text={code} label="Copy code" />
      </div>
      <pre
        tabIndex={0}
        aria-label={languageName === '' ? 'Code' : `Code, ${languageName}`}
        className="scrollable px-3 pb-2 font-token text-2"
      >
        <code>{children ?? (lines ? <Lines lines={lines} /> : code)}</code>
      </pre>
    </div>
  );
}
