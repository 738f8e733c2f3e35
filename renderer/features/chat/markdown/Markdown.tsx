import { Component, memo, useState, type ReactNode } from 'react';
import ReactMarkdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { splitBlocks, type Block, type Blocks } from './blocks.ts';
import { CodeBlock } from './CodeBlock.tsx';
import { elements } from './elements.tsx';
import { mayHaveFormula, protectFormulas } from './protect-formulas.ts';
import { tokenSpans, type TokenRange } from './token-spans.ts';
import { useMath } from './use-math.ts';

/** What is longer, or nested deeper, is no prose, and would hold up the page: it is shown as it is. */
const longestBlock = 50_000;
const nested = /^(?:[ \t]*(?:>|[-*+](?=\s)|\d{1,9}[.)](?=\s))){25}|(?:\[[ \t]*){40}|(?:[*_~] ?){200}/m;
/** Behind backticks on the same line no other may stand: it is code in a line then. */
const fence = /^ {0,3}(`{3,}(?=[^`\n]*(?:\n|$))|~{3,})[ \t]*([^\s`]*)[^\n]*(?:\n|$)/;

/** The blocks of a growing text; those that cannot change any more stay the same objects. */
export function useBlocks(text: string): Blocks {
  const [blocks, setBlocks] = useState(() => splitBlocks(text, null));
  if (blocks.text === text) return blocks;
  const next = splitBlocks(text, blocks);
  setBlocks(next); // during drawing: React draws again at once, with it
  return next;
}

interface FencedListing {
  readonly code: string;
  readonly languageName: string;
}

/**
 * A block that is one fenced listing, with or without its end: drawn as such, so that it stays the same one on the page when its end is
 * written. Null where Markdown has more to say.
 */
function fencedListing(source: string): FencedListing | null {
  const open = fence.exec(source);
  const mark = open?.[1];
  if (!open || mark === undefined) return null;
  const lines = source.slice(open[0].length).split('\n');
  const isEnd = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}[ \\t]*$`);
  const end = lines.findIndex((line) => isEnd.test(line));
  const isAlone = source.startsWith(mark) && lines.slice(end + 1).every((line) => line.trim() === '');
  if (end >= 0 && !isAlone) return null;
  const code = (end < 0 ? lines : lines.slice(0, end)).join('\n');
  return { code, languageName: open[2] ?? '' };
}

interface SafelyProps {
  /** What is drawn; another one is tried anew. */
  readonly source: string;
  readonly fallback: ReactNode;
  readonly children: ReactNode;
}
interface SafelyState {
  readonly source: string;
  readonly hasFailed: boolean;
}

/** What cannot be drawn is shown as it was written; the page goes on. */
class Safely extends Component<SafelyProps, SafelyState> {
  override state: SafelyState = { source: this.props.source, hasFailed: false };

  static getDerivedStateFromError(): Partial<SafelyState> {
    return { hasFailed: true };
  }

  static getDerivedStateFromProps({ source }: SafelyProps, state: SafelyState): SafelyState | null {
    return source === state.source ? null : { source, hasFailed: false };
  }

  override render(): ReactNode {
    return this.state.hasFailed ? this.props.fallback : this.props.children;
  }
}

const noRanges: readonly TokenRange[] = [];

export interface BlockViewProps {
  readonly block: Block;
  readonly definitions: string;
  readonly ranges?: readonly TokenRange[];
}

/** One block, drawn anew only when it or its tokens change. */
export const BlockView = memo(function BlockView({
  block: { source, isDefinition },
  definitions,
  ranges = noRanges,
}: BlockViewProps) {
  const math = useMath(mayHaveFormula(source));
  if (isDefinition || source.trim() === '') return null;
  const plain = <p className="break-words whitespace-pre-wrap">{source}</p>;
  if (source.length > longestBlock || nested.test(source)) return plain;
  const listing = ranges.length === 0 ? fencedListing(source) : null;
  if (listing) return <CodeBlock {...listing} />;
  const isCode = fence.test(source);
  const text = math && !isCode ? protectFormulas(source) : source;
  const known = source.includes('[') && definitions !== '' ? `${text}\n${definitions}` : text;
  return (
    <Safely source={source} fallback={plain}>
      <ReactMarkdown
        remarkPlugins={[remarkGfm, ...(math?.remarkPlugins ?? [])]}
        rehypePlugins={[...(math?.rehypePlugins ?? []), [tokenSpans, { source: text, ranges }]]}
        components={elements}
        urlTransform={(address) => address}
      >
        {known}
      </ReactMarkdown>
    </Safely>
  );
});
