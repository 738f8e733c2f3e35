import { useMemo } from 'react';
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import { splitThinking, type ReplyPart } from '../../../electron/contract/thinking.ts';
import type { TintMode } from './chat-state.ts';
import { BlockView, useBlocks } from './markdown/Markdown.tsx';
import { normalizeLineEnds, type Block } from './markdown/blocks.ts';
import { rangesOf, tokenStarts, usualTime } from './markdown/tint.ts';
import type { TokenRange } from './markdown/token-spans.ts';

/** The tokens that are shown in a reply's text, and by what they are tinted. */
export interface ShownTokens {
  readonly tokens: readonly ReplyToken[];
  readonly tint: TintMode;
}

interface PlacedTokens extends ShownTokens {
  readonly starts: readonly number[];
  readonly usualNs: number;
}

/** In steps of a tenth, so that a growing reply is not painted anew with every token. */
function roughly(value: number): number {
  return value <= 0 ? 0 : 1.1 ** Math.round(Math.log(value) / Math.log(1.1));
}

/** What a model wrote: thoughts folded, Markdown drawn block by block, its tokens in it where they are asked for. */
export function ReplyText({
  text,
  isGrowing,
  shown,
}: {
  readonly text: string;
  readonly isGrowing: boolean;
  readonly shown: ShownTokens | null;
}) {
  const parts = useMemo(() => splitThinking(normalizeLineEnds(text)), [text]);
  const placed = useMemo<PlacedTokens | null>(
    () =>
      shown && {
        ...shown,
        starts: tokenStarts(shown.tokens),
        usualNs: roughly(usualTime(shown.tokens, shown.tint)),
      },
    [shown],
  );
  return (
    <div className="reading" dir="auto">
      {parts.map((part, index) => {
        const drawn = <Blocks part={part} placed={placed} />;
        return part.kind === 'said' ? (
          <div key={index} className="reading-part">
            {drawn}
          </div>
        ) : (
          <Thought key={index} isOpen={part.isOpen && isGrowing}>
            {drawn}
          </Thought>
        );
      })}
    </div>
  );
}

function Thought({ isOpen, children }: { readonly isOpen: boolean; readonly children: React.ReactNode }) {
  return (
    <details className="rounded-1 border-l-2 border-line pl-3 text-text-muted">
      <summary className="cursor-default text-2">{isOpen ? 'Thinking…' : 'Thought before answering'}</summary>
      <div className="reading-part pt-2 text-2">{children}</div>
    </details>
  );
}

function Blocks({ part, placed }: { readonly part: ReplyPart; readonly placed: PlacedTokens | null }) {
  const { blocks, definitions } = useBlocks(part.text);
  const rangesOfBlock = useRanges(part.start, placed);
  return blocks.map((block) => (
    <BlockView
      key={block.start}
      block={block}
      definitions={definitions}
      {...(placed ? { ranges: rangesOfBlock(block) } : {})}
    />
  ));
}

/** Ranges by block, the same list as long as neither the block nor its tokens change. */
function useRanges(offset: number, placed: PlacedTokens | null): (block: Block) => readonly TokenRange[] {
  const tint = placed?.tint;
  const usualNs = placed?.tint === 'time' || placed?.tint === 'flash' ? placed.usualNs : 0;
  // A new cache for another tint; blocks that grow are new objects by themselves.
  const known = useMemo(
    () => ({ tint, usualNs, ranges: new WeakMap<Block, readonly TokenRange[]>() }),
    [tint, usualNs],
  );
  return (block) => {
    if (!placed) return [];
    const before = known.ranges.get(block);
    // A full list stays as it is; a block that grows is a new object.
    if (before?.at(-1)?.end === block.source.length) return before;
    const ranges = rangesOf(block, offset, placed.tokens, placed.starts, placed.tint, usualNs);
    known.ranges.set(block, ranges);
    return ranges;
  };
}
