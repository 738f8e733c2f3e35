import { memo, useId, useMemo, type KeyboardEvent, type PointerEvent } from 'react';
import { classNames } from '../../ui/class-names.ts';
import { formatNumber } from '../../ui/format.ts';
import { visibleText } from '../timeline/summary.ts';
import { Letter } from './Letter.tsx';
import { letterOf } from './draft.ts';
import { KlStrip } from './KlStrip.tsx';
import { klText, type Comparison } from './result.ts';
import type { CardPlace } from './TokenCardPlace.tsx';
import {
  partingOf,
  shownTokens,
  tokenText,
  type Parting,
  type ShownToken,
  type TokenTint,
} from './tokens.ts';

/** The reference's reply, tinted by what one variant thought of it. One stop for the keyboard: arrows go from token to token. */
export function TokenColumn({
  comparison,
  index,
  tint,
  marked,
  isMarkedHere,
  onMark,
}: {
  readonly comparison: Comparison;
  readonly index: number;
  readonly tint: TokenTint;
  /** The token that is pointed at, in whichever column. */
  readonly marked: number | null;
  readonly isMarkedHere: boolean;
  readonly onMark: (place: CardPlace | null) => void;
}) {
  const id = useId();
  const { forced } = comparison;
  const tokens = useMemo(() => shownTokens(comparison, index, tint), [comparison, index, tint]);
  const parts = useMemo(() => partTokens(comparison, index), [comparison, index]);
  const parting = forced && partingOf(forced, index);
  const mark = (token: number | null) => onMark(token === null ? null : { index, token });
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const next = movedBy(event.key, isMarkedHere ? marked : null, tokens.length, parting?.token ?? null);
    if (next === undefined || (next === null && !isMarkedHere)) return;
    event.preventDefault();
    event.stopPropagation();
    event.currentTarget.children[next ?? 0]?.scrollIntoView({ block: 'nearest' });
    mark(next);
  };
  const onPointerOver = ({ target }: PointerEvent<HTMLElement>) => {
    const token = target instanceof HTMLElement ? target.dataset['token'] : undefined;
    if (token !== undefined) mark(Number(token));
  };
  return (
    <div className="grid min-w-0 grid-cols-[minmax(0,1fr)] grid-rows-[auto_1fr_auto] gap-2 border-l border-line p-3 first:border-l-0">
      <ColumnHead comparison={comparison} index={index} />
      <div
        role="listbox"
        tabIndex={0}
        aria-label={`Tokens as ${letterOf(index)} saw them`}
        aria-activedescendant={isMarkedHere && marked !== null ? `${id}-${marked}` : undefined}
        data-tokens={index}
        onPointerOver={onPointerOver}
        onPointerLeave={() => onMark(null)}
        onBlur={() => onMark(null)}
        onKeyDown={onKeyDown}
        className="font-token leading-6 break-words whitespace-pre-wrap focus-visible:shadow-ring"
      >
        {tokens.map((token, place) => (
          <Token
            key={place}
            id={`${id}-${place}`}
            place={place}
            token={token}
            isMarked={place === marked}
            isParting={parts.has(place)}
            name={place === marked && isMarkedHere ? tokenText(comparison, index, place) : null}
          />
        ))}
      </div>
      <div className="grid gap-1">
        {forced && (
          <KlStrip
            kls={forced.variants[index - 1]?.tokens.map(({ kl }) => kl) ?? []}
            parting={parting?.token ?? null}
          />
        )}
        <PartingText index={index} parting={parting} />
      </div>
    </div>
  );
}

/** Where the column's variant parts; in the reference's column, where any does. */
function partTokens({ forced }: Comparison, index: number): ReadonlySet<number> {
  const variants = index === 0 ? (forced?.variants ?? []) : [forced?.variants[index - 1]];
  return new Set(variants.flatMap((variant) => variant?.firstDivergence ?? []));
}

/** The token that a key goes to; null: none; undefined: it is no key of the list. Enter: where the variant parts. */
function movedBy(
  key: string,
  from: number | null,
  count: number,
  parting: number | null,
): number | null | undefined {
  const within = (token: number) => Math.max(0, Math.min(count - 1, token));
  switch (key) {
    case 'Escape':
      return null;
    case 'ArrowRight':
    case 'ArrowDown':
      return from === null ? 0 : within(from + 1);
    case 'ArrowLeft':
    case 'ArrowUp':
      return from === null ? 0 : within(from - 1);
    case 'PageDown':
      return within((from ?? 0) + 10);
    case 'PageUp':
      return within((from ?? 0) - 10);
    case 'Home':
      return 0;
    case 'End':
      return within(count);
    case 'Enter':
      return parting ?? undefined;
    default:
      return undefined;
  }
}

interface TokenProps {
  readonly id: string;
  readonly place: number;
  readonly token: ShownToken;
  readonly isMarked: boolean;
  readonly isParting: boolean;
  /** For screen readers, where it is the one that is pointed at. */
  readonly name: string | null;
}

const Token = memo(function Token({ id, place, token, isMarked, isParting, name }: TokenProps) {
  const { text, step } = token;
  // The space before a word is not tinted, so that words keep their distance.
  const lead = /^\s*/.exec(text)?.[0] ?? '';
  const rest = text.slice(lead.length);
  return (
    <span role="option" id={id} aria-selected={isMarked} aria-label={name ?? undefined} data-token={place}>
      {rest === '' && lead !== '' ? null : lead}
      <span
        data-token={place}
        className={classNames(
          'pointer-events-auto rounded-[2px]',
          isParting && 'shadow-[0_0_0_2px_var(--accent)]',
          isMarked && 'outline-2 outline-text',
        )}
        style={step > 0 ? { background: `var(--seq-${step})`, color: `var(--on-seq-${step})` } : undefined}
      >
        {rest === '' ? lead : rest}
      </span>
    </span>
  );
});

function ColumnHead({ comparison, index }: { readonly comparison: Comparison; readonly index: number }) {
  const tokens = comparison.forced?.reference.length ?? 0;
  const mean = comparison.forced?.variants[index - 1]?.meanKl;
  return (
    <h3 className="flex min-w-0 items-center gap-2">
      <Letter letter={letterOf(index)} />
      <span className="truncate font-strong">{comparison.labels[index]}</span>
      <span className="ml-auto text-1 font-normal whitespace-nowrap text-text-muted">
        {mean === undefined ? `${formatNumber(tokens)} tokens` : `mean KL ${klText(mean)}`}
      </span>
    </h3>
  );
}

function PartingText({ index, parting }: { readonly index: number; readonly parting: Parting | null }) {
  if (index === 0) {
    return <p className="min-h-12 text-1 text-text-muted">KL per token to the reference, 0 to 1 nat</p>;
  }
  if (!parting) {
    return <p className="min-h-12 text-1 text-text-muted">would have said the same to the end</p>;
  }
  const { token, said, would } = parting;
  const probability = (value: number | null) => (value === null ? '' : formatNumber(value, 2));
  return (
    <p className="min-h-12 text-1 text-text-muted">
      parts at token <b className="text-text">{formatNumber(token)}</b>
      <br />
      <span className="font-token">{visibleText(said.piece)}</span> {probability(said.from)} →{' '}
      {probability(said.to)}
      <br />
      <span className="font-token text-accent">{visibleText(would.piece)}</span> {probability(would.from)} →{' '}
      {probability(would.to)}
    </p>
  );
}

/** What a variant says by itself. */
export function OwnReply({ comparison, index }: { readonly comparison: Comparison; readonly index: number }) {
  const column = comparison.columns[index];
  return (
    <div className="grid min-w-0 content-start gap-2 border-l border-line p-3 first:border-l-0">
      <h3 className="flex min-w-0 items-center gap-2">
        <Letter letter={letterOf(index)} />
        <span className="truncate font-strong">{comparison.labels[index]}</span>
        {column && (
          <span className="ml-auto text-1 font-normal whitespace-nowrap text-text-muted">
            {formatNumber(column.reply.tokens.length)} tokens
          </span>
        )}
      </h3>
      {column ? (
        <p className="leading-6 break-words whitespace-pre-wrap" dir="auto">
          {column.reply.text}
        </p>
      ) : (
        <p className="text-text-muted">Waiting for its turn…</p>
      )}
    </div>
  );
}
