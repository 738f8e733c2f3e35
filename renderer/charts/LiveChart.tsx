import { Download } from 'lucide-react';
import { useId, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { useStore } from 'zustand';
import { classNames } from '../ui/class-names.ts';
import { IconButton } from '../ui/IconButton.tsx';
import { chartTable, csvText } from './chart-table.ts';
import { headlineText, isEmpty, pointAtTime, pointText, type ChartView } from './chart-view.ts';
import { cursor, leaveCursor, pointAt, type Cursor, type CursorToken } from './cursor.ts';
import { drawChart, leftOfPoint, plotArea, timeOfX } from './draw-chart.ts';
import { Legend } from './Legend.tsx';
import { PointTable } from './PointTable.tsx';
import type { Display } from './ShowAs.tsx';
import { pageTheme } from './theme.ts';
import { useDrawing } from './use-drawing.ts';

/** What a live chart shows: computed only when it is drawn. */
export interface ChartSource {
  readonly read: () => ChartView;
  readonly onChange: (listener: () => void) => () => void;
  /** When the token ended, where it is within the chart's time. */
  readonly timeOf: (token: CursorToken) => number | null;
  /** The token that was computed then. */
  readonly tokenAt: (timeMs: number) => CursorToken | null;
}

export interface LiveChartProps {
  readonly title: string;
  readonly source: ChartSource;
  readonly display: Display;
  /** Times beneath: of charts above each other, the last one has them for all. */
  readonly hasFoot?: boolean;
  readonly onSave: (title: string, csv: string) => void;
  readonly className?: string;
}

/** A chart of the last minute: the finding first, then the drawing. One cursor goes through all of them. */
export function LiveChart({ title, source, display, hasFoot = false, onSave, className }: LiveChartProps) {
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef<ChartView | null>(null);
  const [view, setView] = useState<ChartView | null>(null);
  useDrawing(place, canvas, {
    name: title,
    onChange: source.onChange,
    update: () => {
      latest.current = source.read();
      setView(latest.current);
    },
    draw: (context, size) => {
      if (latest.current) drawChart(context, size, latest.current, pageTheme.current, hasFoot);
    },
  });
  return (
    <figure aria-labelledby={id} className={classNames('flex min-h-0 flex-col py-2', className)}>
      <Head id={id} title={title} view={view} source={source}>
        {display === 'table' && view && (
          <IconButton
            size="small"
            icon={Download}
            label={`Save ${title} as CSV`}
            onClick={() => onSave(title, csvText(chartTable(view)))}
          />
        )}
      </Head>
      <div ref={place} className="relative flex min-h-10 flex-1 flex-col">
        {display === 'chart' && (
          <>
            <canvas ref={canvas} aria-hidden="true" className="absolute inset-0 size-full" />
            {view && <CursorLayer title={title} view={view} source={source} hasFoot={hasFoot} />}
            {view && isEmpty(view) && (
              <p className="pointer-events-none absolute inset-x-0 top-1/3 pl-9 text-center text-1 text-text-muted">
                {view.emptyText}
              </p>
            )}
          </>
        )}
        {display === 'table' && view && <PointTable title={title} view={view} />}
      </div>
      {view && view.legend.length > 0 && <Legend entries={view.legend} className="pt-1" />}
    </figure>
  );
}

/** The point under the cursor; null: it is elsewhere. */
function pointOf({ at, token }: Cursor, view: ChartView, source: ChartSource): number | null {
  const time = at ?? (token ? source.timeOf(token) : null);
  return time === null ? null : pointAtTime(view, time);
}

function Head({
  id,
  title,
  view,
  source,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly view: ChartView | null;
  readonly source: ChartSource;
  /** At its end. */
  readonly children: ReactNode;
}) {
  const place = useStore(cursor);
  const point = view ? pointOf(place, view, source) : null;
  return (
    <figcaption className="flex items-baseline gap-1 whitespace-nowrap">
      <h3 id={id} className="text-1 font-strong">
        {title}
      </h3>
      {view && point === null && !isEmpty(view) && <Headline view={view} />}
      {view && point !== null && (
        <span className="ml-auto truncate text-1 leading-6 text-text-muted" title={pointText(view, point)}>
          {pointText(view, point)}
        </span>
      )}
      {children}
    </figcaption>
  );
}

function Headline({ view: { remark, headline } }: { readonly view: ChartView }) {
  return (
    <>
      <span className="truncate pl-1 text-1 text-text-muted">{remark}</span>
      <span className="ml-auto flex shrink-0 items-baseline gap-2 text-4 leading-6">
        {headline.map(({ value, unit }) => (
          <span key={unit}>
            {value} <small className="text-1 text-text-muted">{unit}</small>
          </span>
        ))}
      </span>
    </>
  );
}

const keySteps: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  PageDown: -10,
  PageUp: 10,
  Home: -Infinity,
  End: Infinity,
};

/** Takes pointer and keys, and shows the line. A slider, so that keys and screen readers get at every value. */
function CursorLayer({
  title,
  view,
  source,
  hasFoot,
}: {
  readonly title: string;
  readonly view: ChartView;
  readonly source: ChartSource;
  readonly hasFoot: boolean;
}) {
  const place = useStore(cursor);
  const point = pointOf(place, view, source);
  const last = view.times.length - 1;
  const goTo = (next: number) => {
    const time = (view.times[next] ?? 0) + view.pointMs / 2;
    pointAt({ at: time, token: source.tokenAt(time) });
  };
  const onPointerMove = ({ clientX, currentTarget }: PointerEvent<HTMLElement>) => {
    const { left, width: wide, height } = currentTarget.getBoundingClientRect();
    const next = pointAtTime(view, timeOfX(plotArea({ width: wide, height }, hasFoot), view, clientX - left));
    if (next === null) leaveCursor();
    else goTo(next);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === 'Escape' && point !== null) {
      event.preventDefault(); // Esc stops a reply only where nothing is pointed at
      event.stopPropagation();
      leaveCursor();
    }
    const step = keySteps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    goTo(Math.min(last, Math.max(0, (point ?? last) + step)));
  };
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={`${title}, cursor`}
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={point ?? last}
      aria-valuetext={point === null ? headlineText(view) : pointText(view, point)}
      onPointerMove={onPointerMove}
      onPointerLeave={leaveCursor}
      onKeyDown={onKeyDown}
      onBlur={leaveCursor}
      className="absolute inset-0 focus-visible:shadow-ring"
    >
      {point !== null && (
        <span
          aria-hidden="true"
          className="pointer-events-none absolute top-0 bottom-1 border-l border-dotted border-text"
          style={{ left: leftOfPoint(view, point) }}
        />
      )}
    </div>
  );
}
