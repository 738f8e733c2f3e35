import { useLayoutEffect, useState, type RefObject } from 'react';
import { createPortal } from 'react-dom';
import type { CompareForced } from '../../../electron/contract/compare.ts';
import { formatNumber } from '../../ui/format.ts';
import { visibleText } from '../timeline/summary.ts';
import { letterOf } from './draft.ts';
import { klText, type Comparison } from './result.ts';
import { tokenFacts, type LikelyRow } from './tokens.ts';

/** The token that is pointed at, and in which column. */
export interface CardPlace {
  readonly index: number;
  readonly token: number;
}

const cardWidth = 380;
const gap = 8;
const settledMs = 100;

interface Corner {
  readonly left: number;
  /** The card grows up from the word in the lower half of the page. */
  readonly top: number | null;
  readonly bottom: number | null;
}

/** Beside the column, so that it covers none of its words; null: the word is not there. */
function cornerOf(grid: HTMLElement | null, { index, token }: CardPlace): Corner | null {
  const list = grid?.querySelector(`[data-tokens="${index}"]`);
  const word = list?.querySelector(`[data-token="${token}"]`)?.getBoundingClientRect();
  const column = list?.getBoundingClientRect();
  if (!word || !column) return null;
  const hasRoom = column.right + 2 * gap + cardWidth < window.innerWidth;
  const isLow = word.top > window.innerHeight / 2;
  return {
    left: Math.max(gap, hasRoom ? column.right + gap : column.left - cardWidth - gap),
    top: isLow ? null : word.top,
    bottom: isLow ? window.innerHeight - word.bottom : null,
  };
}

/** Follows the word while the page is scrolled or gets another size. */
function useCorner(grid: RefObject<HTMLElement | null>, place: CardPlace): Corner | null {
  const [corner, setCorner] = useState<Corner | null>(null);
  const { index, token } = place;
  useLayoutEffect(() => {
    const measure = () => setCorner(cornerOf(grid.current, { index, token }));
    measure();
    // What a new size of the page moves has its place a moment later.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(measure, settledMs);
    };
    window.addEventListener('scroll', measure, true);
    window.addEventListener('resize', later);
    return () => {
      clearTimeout(timer);
      window.removeEventListener('scroll', measure, true);
      window.removeEventListener('resize', later);
    };
  }, [grid, index, token]);
  return corner;
}

/** What both models thought of a token, beside its column. */
export function TokenCardPlace({
  comparison,
  forced,
  place,
  grid,
}: {
  readonly comparison: Comparison;
  readonly forced: CompareForced;
  readonly place: CardPlace;
  /** Around all columns. */
  readonly grid: RefObject<HTMLElement | null>;
}) {
  const { index, token } = place;
  const facts = tokenFacts(forced, index, token);
  const corner = useCorner(grid, place);
  if (!facts || !corner) return null;
  const { piece, kl, likely } = facts;
  const hasVariant = index > 0;
  return createPortal(
    <div
      role="tooltip"
      className="pointer-events-none fixed z-40 grid gap-1 rounded-2 border border-line-strong bg-surface-raised px-3 py-2 text-1 shadow-float"
      style={{
        width: cardWidth,
        left: corner.left,
        top: corner.top ?? undefined,
        bottom: corner.bottom ?? undefined,
      }}
    >
      <div className="flex justify-between gap-2">
        <b>
          token {formatNumber(token)} <span className="font-token">“{visibleText(piece)}”</span>
        </b>
        {kl !== null && <span>KL {klText(kl)} nats</span>}
      </div>
      <div className={hasVariant ? rowWithVariant : rowAlone}>
        <span className="text-text-muted">{hasVariant ? 'likeliest of both' : 'ten likeliest'}</span>
        <Name letter="A" label={comparison.labels[0] ?? ''} />
        {hasVariant && <Name letter={letterOf(index)} label={comparison.labels[index] ?? ''} />}
      </div>
      {likely.map((row) => (
        <Likely
          key={row.id}
          row={row}
          hasVariant={hasVariant}
          isChosen={forced.reference[token]?.id === row.id}
        />
      ))}
    </div>,
    document.querySelector('main') ?? document.body,
  );
}

const rowWithVariant = 'grid grid-cols-[minmax(0,1fr)_112px_112px] items-center gap-2';
const rowAlone = 'grid grid-cols-[minmax(0,1fr)_112px] items-center gap-2';

function Name({ letter, label }: { readonly letter: string; readonly label: string }) {
  return (
    <span className="truncate text-text-muted">
      {letter} {label}
    </span>
  );
}

function Likely({
  row: { piece, reference, variant },
  hasVariant,
  isChosen,
}: {
  readonly row: LikelyRow;
  readonly hasVariant: boolean;
  readonly isChosen: boolean;
}) {
  return (
    <div className={hasVariant ? rowWithVariant : rowAlone}>
      <span className={isChosen ? 'truncate font-token font-strong' : 'truncate font-token'}>
        {visibleText(piece)}
      </span>
      <Share value={reference} fill="bg-text-muted" />
      {hasVariant && <Share value={variant} fill="bg-accent" />}
    </div>
  );
}

function Share({ value, fill }: { readonly value: number | null; readonly fill: string }) {
  if (value === null) {
    return (
      <span className="text-text-muted">
        <span className="sr-only">not among its ten likeliest</span>
        <span aria-hidden="true">–</span>
      </span>
    );
  }
  return (
    <span className="flex items-center gap-1">
      <span aria-hidden="true" className="h-2 w-16">
        <i
          className={`block h-full rounded-[1px] ${fill}`}
          style={{ width: `${Math.max(1, value * 100)}%` }}
        />
      </span>
      {value < 0.0005 ? '< 0.001' : formatNumber(value, 3)}
    </span>
  );
}
