import {
  useEffect,
  useEffectEvent,
  useId,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
} from 'react';
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import { totalMs } from '../../charts/causes.ts';
import type { Size } from '../../charts/draw-chart.ts';
import { pageTheme } from '../../charts/theme.ts';
import { useDrawing } from '../../charts/use-drawing.ts';
import { useWidth } from '../../charts/use-extent.ts';
import { formatMilliseconds, formatNumber } from '../../ui/format.ts';
import { columnAt, columnOfX, timeAxis } from './columns.ts';
import { drawTimeline, layoutTimeline, leftSpace, timelineHeight, type Strips } from './draw-timeline.ts';
import { visibleText } from './summary.ts';
import { TokenCard, probabilityText } from './TokenCard.tsx';
import type { TimelineState, TokenTimelineProps } from './token-timeline.tsx';

const plotHeight = 96;
const dockedPlotHeight = 144;
/** Where there is this much room, the card has a place of its own and covers nothing. */
const dockedFrom = 1040;
const cardWidth = 540;

interface PlotProps extends Pick<TokenTimelineProps, 'tokens' | 'hovered' | 'onHover' | 'onBranch'> {
  readonly state: TimelineState | null;
  readonly update: () => TimelineState;
  readonly width: number;
}

function stripsOf(tokens: readonly ReplyToken[]): Strips {
  const last = tokens.at(-1)?.trace;
  return { hasKv: last?.kvBytes !== undefined, hasMisses: last?.cacheMisses !== undefined };
}

export function TimelinePlot({ tokens, state, update, hovered, onHover, onBranch, width }: PlotProps) {
  const [pinned, setPinned] = useState<number | null>(null);
  /** What is pointed at here, not in the reply's text: a card over the text would cover what is pointed at there. */
  const [pointedHere, setPointedHere] = useState<number | null>(null);
  const card = useRef<HTMLDivElement>(null);
  const isDocked = width >= dockedFrom;
  const shown = pinned !== null && pinned < tokens.length ? pinned : hovered;
  const unpin = () => setPinned(null);
  const leave = useLeave(() => {
    setPointedHere(null);
    // By now the pointer may be at another token, in the text.
    if (hovered === pointedHere) onHover(null);
  });
  const pin = (index: number, byKey: boolean) => {
    setPinned(index);
    // After the card is there: the first that can be chosen.
    if (byKey)
      requestAnimationFrame(() =>
        card.current?.querySelector<HTMLElement>('button[aria-disabled=false]')?.focus(),
      );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || (pinned === null && hovered === null)) return;
    event.preventDefault(); // Esc stops a reply only where nothing is open
    event.stopPropagation();
    unpin();
    onHover(null);
  };
  const inDock = isDocked ? (shown ?? (state && state.data.slowest >= 0 ? state.data.slowest : null)) : shown;
  const token = inDock === null ? undefined : tokens[inDock];
  return (
    <div
      className={isDocked ? 'mt-2 grid grid-cols-[minmax(0,1fr)_540px] gap-4' : 'relative mt-2'}
      onKeyDown={onKeyDown}
    >
      <Plot
        tokens={tokens}
        state={state}
        update={update}
        shown={shown}
        high={isDocked ? dockedPlotHeight : plotHeight}
        onPoint={(index) => {
          leave.stay();
          setPointedHere(index);
          if (pinned === null) onHover(index);
        }}
        onLeave={() => pinned === null && leave.start()}
        onPin={(index, byKey) => (pinned === index && !byKey ? unpin() : pin(index, byKey))}
      />
      {token && inDock !== null && (isDocked || hovered === pointedHere || pinned !== null) && (
        <div
          ref={card}
          role="group"
          aria-label={`Token ${inDock}`}
          onPointerEnter={leave.stay}
          onPointerLeave={() => pinned === null && shown !== null && leave.start()}
          className={
            isDocked
              ? 'self-start'
              : 'absolute bottom-full z-30 mb-1 rounded-2 border border-line-strong bg-surface-raised px-3 py-2 shadow-float'
          }
          style={isDocked ? undefined : { width: cardWidth, left: cardLeft(tokens.length, inDock, width) }}
        >
          {isDocked && (
            // Always a line, so that pointing at a token in the text does not move the text.
            <p className="mb-1 text-1 text-text-muted">
              {shown === null ? 'The slowest token' : 'The token pointed at'}
            </p>
          )}
          <TokenCard token={token} index={inDock} onBranch={onBranch} />
        </div>
      )}
    </div>
  );
}

/** Beside its column, inside the timeline. */
function cardLeft(tokenCount: number, index: number, width: number): number {
  const { columns } = layoutTimeline(
    tokenCount,
    { width, height: plotHeight },
    { hasKv: false, hasMisses: false },
  );
  const x = leftSpace + (index / columns.tokensPerColumn) * columns.pitch;
  return Math.max(0, Math.min(width - cardWidth, x + 12));
}

/** The card stays for a moment after the pointer left, so that it can be reached. */
function useLeave(onLeft: () => void): { start: () => void; stay: () => void } {
  const [isLeaving, setLeaving] = useState(false);
  const leave = useEffectEvent(() => {
    setLeaving(false);
    onLeft();
  });
  useEffect(() => {
    if (!isLeaving) return;
    const timer = setTimeout(() => leave(), 350);
    return () => clearTimeout(timer);
  }, [isLeaving]);
  return { start: () => setLeaving(true), stay: () => setLeaving(false) };
}

interface PlotAreaProps {
  readonly tokens: readonly ReplyToken[];
  readonly state: TimelineState | null;
  readonly update: () => TimelineState;
  readonly shown: number | null;
  readonly high: number;
  readonly onPoint: (index: number | null) => void;
  readonly onLeave: () => void;
  readonly onPin: (index: number, byKey: boolean) => void;
}

const keySteps: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  PageDown: -20,
  PageUp: 20,
  Home: -Infinity,
  End: Infinity,
};

function Plot({ tokens, state, update, shown, high, onPoint, onLeave, onPin }: PlotAreaProps) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef<TimelineState | null>(null);
  const listeners = useRef(new Set<() => void>());
  const [onChange] = useState(() => (listener: () => void) => {
    listeners.current.add(listener);
    return () => listeners.current.delete(listener);
  });
  const [measured, width] = useWidth();
  const hint = useId();
  const strips = stripsOf(tokens);
  useDrawing(place, canvas, {
    name: 'Token timeline',
    onChange,
    update: () => {
      latest.current = update();
    },
    draw: (context, size) => {
      if (latest.current) drawTimeline(context, size, { ...latest.current, strips }, pageTheme.current);
    },
  });
  useEffect(() => {
    for (const listener of listeners.current) listener();
  }, [tokens]);
  const last = tokens.length - 1;
  const indexAt = ({ clientX, currentTarget }: PointerEvent<HTMLElement>): number | null => {
    const { left, width, height } = currentTarget.getBoundingClientRect();
    const { columns } = layoutTimeline(tokens.length, { width, height }, strips);
    const column = columnOfX(columns, clientX - left - leftSpace);
    if (column === null || !state) return null;
    return Math.min(last, columnAt(state.data, columns, column).token);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && shown !== null) {
      event.preventDefault();
      return onPin(shown, true);
    }
    const step = keySteps[event.key];
    if (step === undefined || last < 0) return;
    event.preventDefault();
    onPoint(Math.min(last, Math.max(0, (shown ?? (step > 0 ? -1 : last + 1)) + step)));
  };
  return (
    <div ref={place} className="relative min-w-0" style={{ height: timelineHeight(high, strips) }}>
      <canvas ref={canvas} aria-hidden="true" className="absolute inset-0 size-full" />
      <div
        ref={measured}
        role="slider"
        tabIndex={0}
        aria-label="Token timeline, cursor"
        aria-describedby={hint}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={shown ?? 0}
        aria-valuetext={valueText(tokens, shown)}
        onPointerMove={(event) => onPoint(indexAt(event))}
        onPointerLeave={onLeave}
        onClick={(event) => {
          if (shown !== null && event.detail > 0) onPin(shown, false);
        }}
        onKeyDown={onKeyDown}
        className="absolute inset-0 focus-visible:shadow-ring"
      >
        {shown !== null && state && (
          <ColumnMark
            state={state}
            index={shown}
            size={{ width, height: timelineHeight(high, strips) }}
            strips={strips}
          />
        )}
      </div>
      <p id={hint} className="sr-only">
        Arrow keys go from token to token, Enter keeps the token and goes to its alternatives, Escape leaves.
      </p>
    </div>
  );
}

function valueText(tokens: readonly ReplyToken[], index: number | null): string {
  const token = index === null ? undefined : tokens[index];
  if (!token) return `${formatNumber(tokens.length)} ${tokens.length === 1 ? 'token' : 'tokens'}`;
  const { trace, text, piece } = token;
  const parts = [
    `token ${formatNumber(index ?? 0)} “${visibleText(text || piece)}”`,
    ...(trace.logProbability === undefined ? [] : [`probability ${probabilityText(trace.logProbability)}`]),
    formatMilliseconds(totalMs(trace)),
  ];
  return parts.join(', ');
}

/** The line of the cursor, and the outline of its column. */
function ColumnMark({
  state: { data, summary },
  index,
  size,
  strips,
}: {
  readonly state: TimelineState;
  readonly index: number;
  readonly size: Size;
  readonly strips: Strips;
}) {
  const layout = layoutTimeline(data.count, size, strips);
  const { pitch, tokensPerColumn } = layout.columns;
  const left = leftSpace + Math.floor(index / tokensPerColumn) * pitch;
  const ms = data.totalMs(index);
  const top = timeAxis(data.slowest < 0 ? 0 : data.totalMs(data.slowest), summary.p95).top;
  const high = Number.isNaN(ms) ? 0 : Math.min(1, ms / top) * layout.plotHeight;
  return (
    <>
      <i
        aria-hidden="true"
        className="pointer-events-none absolute w-px bg-text"
        style={{ left: left + pitch / 2 - 0.5, top: 0, height: layout.base + 4 }}
      />
      <i
        aria-hidden="true"
        className="pointer-events-none absolute border border-text"
        style={{
          left: left - 1,
          top: layout.plotTop + layout.plotHeight - high - 1,
          width: Math.max(3, pitch + (pitch > 3 ? 1 : 2)),
          height: high + 1,
        }}
      />
    </>
  );
}
