import { memo, useState } from 'react';
import ReactMarkdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { splitBlocks, type Block, type Blocks } from './blocks.ts';
import { CodeBlock } from './CodeBlock.tsx';
import { elements, GrowingContext } from './elements.tsx';
import { mayHaveFormula, protectFormulas } from './protect-formulas.ts';
import { tokenSpans, type TokenRange } from './token-spans.ts';
import { useMath } from './use-math.ts';

/** More than this in one block is no prose: it is shown as it is. */
const longestBlock = 50_000;
const fence = /^ {0,3}(```+|~~~+)[ \t]*([^\s`]*)[^\n]*(?:\n|$)/;

/** The blocks of a growing text; those that cannot change any more stay the same objects. */
export function useBlocks(text: string): Blocks {
  const [blocks, setBlocks] = useState(() => splitBlocks(text, null));
  if (blocks.text === text) return blocks;
  const next = splitBlocks(text, blocks);
  setBlocks(next); // during drawing: React draws again at once, with it
  return next;
}

/** The text of a fenced listing that has no end yet, or null. */
function openListing(source: string): { readonly code: string; readonly languageName: string } | null {
  const open = fence.exec(source);
  const mark = open?.[1];
  if (!open || mark === undefined) return null;
  const code = source.slice(open[0].length);
  const isClosed = code
    .split('\n')
    .some((line) => line.trim().startsWith(mark) && /^[`~]+$/.test(line.trim()));
  return isClosed ? null : { code, languageName: open[2] ?? '' };
}

const noRanges: readonly TokenRange[] = [];

export interface BlockViewProps {
  readonly block: Block;
  readonly definitions: string;
  /** It is the last one of a reply that is being written. */
  readonly isGrowing: boolean;
  readonly ranges?: readonly TokenRange[];
}

/** One block, drawn anew only when it or its tokens change. */
export const BlockView = memo(function BlockView({
  block: { source },
  definitions,
  isGrowing,
  ranges = noRanges,
}: BlockViewProps) {
  const math = useMath(mayHaveFormula(source));
  if (source.length > longestBlock) return <p className="break-words whitespace-pre-wrap">{source}</p>;
  const listing = isGrowing && ranges.length === 0 ? openListing(source) : null;
  if (listing) return <CodeBlock {...listing} isGrowing />;
  const isCode = fence.test(source);
  const text = math && !isCode ? protectFormulas(source) : source;
  const known = source.includes('[') && definitions !== '' ? `${text}\n${definitions}` : text;
  return (
    <GrowingContext value={isGrowing}>
      <ReactMarkdown
        remarkPlugins={[remarkGfm, ...(math?.remarkPlugins ?? [])]}
        rehypePlugins={[...(math?.rehypePlugins ?? []), [tokenSpans, { source: text, ranges }]]}
        components={elements}
        urlTransform={(address) => address}
      >
        {known}
      </ReactMarkdown>
    </GrowingContext>
  );
});
