import { memo, type ReactNode } from 'react';
import { CopyButton } from '../../../ui/CopyButton.tsx';
import type { CodeLine } from './highlight-messages.ts';
import { useHighlighted } from './use-highlighted.ts';

/** A line stays the same object as long as its colours do. */
const Line = memo(function Line({ line, isFirst }: { readonly line: CodeLine; readonly isFirst: boolean }) {
  return (
    <span>
      {!isFirst && '\n'}
      {line.pieces.map(({ text, colour }, index) =>
        colour === null ? (
          text
        ) : (
          <span key={index} style={{ color: colour }}>
            {text}
          </span>
        ),
      )}
    </span>
  );
});

/** `code`, in colour as far as `lines` are its beginning: the last of them may have become longer since. */
function Coloured({ code, lines }: { readonly code: string; readonly lines: readonly CodeLine[] }) {
  const texts = code.split('\n');
  const changed = lines.findIndex(({ text }, index) => text !== texts[index]);
  const same = changed < 0 ? lines.length : changed;
  const longer = lines[same];
  const known =
    longer && texts[same]?.startsWith(longer.text) ? lines.slice(0, same + 1) : lines.slice(0, same);
  const length = known.reduce((sum, { text }) => sum + text.length + 1, 0);
  return (
    <>
      {known.map((line, number) => (
        <Line key={number} line={line} isFirst={number === 0} />
      ))}
      {code.slice(Math.max(0, length - 1))}
    </>
  );
}

/** A listing with its language and a button that copies it. `children`: the code as tokens, in place of colours. */
export function CodeBlock({
  code,
  languageName,
  children,
}: {
  readonly code: string;
  readonly languageName: string;
  readonly children?: ReactNode;
}) {
  const lines = useHighlighted(code, languageName, children !== undefined);
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
        <code>{children ?? <Coloured code={code} lines={lines} />}</code>
      </pre>
    </div>
  );
}
