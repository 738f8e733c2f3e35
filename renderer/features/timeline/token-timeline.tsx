import { useRef, useState } from 'react';
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import type { LegendEntry } from '../../charts/chart-view.ts';
import { Legend } from '../../charts/Legend.tsx';
import { useSaveCsv } from '../../charts/save-csv.ts';
import { ShowAs, type Display } from '../../charts/ShowAs.tsx';
import { useWidth } from '../../charts/use-extent.ts';
import { formatBytes, formatMilliseconds, formatNumber } from '../../ui/format.ts';
import { hitRate, overlap } from '../instruments/flash-reads.ts';
import { PrefillLine } from './PrefillLine.tsx';
import { conclusionOf, summarizeTimeline, type Conclusion, type TimelineSummary } from './summary.ts';
import { TimelineData } from './timeline-data.ts';
import { TimelinePlot } from './TimelinePlot.tsx';
import { timelineCsv, TokenTable } from './TokenTable.tsx';
import { useTokenCursor } from './use-token-cursor.ts';

export interface TokenTimelineProps {
  /** Of a growing reply: a list that begins with the same tokens and has more of them. */
  readonly tokens: readonly ReplyToken[];
  /** Steps that drew no token. */
  readonly prefill: readonly TraceRecord[];
  /** The reply is being written. */
  readonly live: boolean;
  /** The token that is pointed at, here or in the text. */
  readonly hovered: number | null;
  readonly onHover: (tokenIndex: number | null) => void;
  /** Absent: the reply cannot be branched. */
  readonly onBranch?: ((token: number, alternativeId: number) => void) | undefined;
  /** Where the model's memory budget is chosen. Absent: it has none. */
  readonly budgetHref?: string | undefined;
}

/** What is shown of the data; made when it is drawn. */
export interface TimelineState {
  readonly data: TimelineData;
  readonly summary: TimelineSummary;
  readonly conclusion: Conclusion;
}

function stateOf(data: TimelineData): TimelineState {
  const summary = summarizeTimeline(data);
  return { data, summary, conclusion: conclusionOf(data, summary) };
}

/** The time of a reply, token by token and cause by cause: the finding first, then the drawing. */
export function TokenTimeline(props: TokenTimelineProps) {
  const { tokens, prefill, live, hovered, onHover, onBranch, budgetHref } = props;
  const [display, setDisplay] = useState<Display>('chart');
  const [state, setState] = useState<TimelineState | null>(null);
  const [measured, width] = useWidth();
  const data = useRef<TimelineData | null>(null);
  const save = useSaveCsv();
  useTokenCursor(tokens, hovered, onHover);
  const update = () => {
    data.current ??= new TimelineData();
    data.current.update(tokens);
    const next = stateOf(data.current);
    setState(next);
    return next;
  };
  return (
    <section ref={measured} aria-label="Token timeline" className="relative min-w-0">
      <div className="flex items-start gap-2">
        <div className="flex min-h-7 min-w-0 flex-1 flex-wrap items-center gap-x-2">
          <h2 className="font-strong whitespace-nowrap">Token timeline</h2>
          {state && <ConclusionText conclusion={state.conclusion} isLive={live} budgetHref={budgetHref} />}
        </div>
        <span className="flex h-7 shrink-0 items-center gap-1">
          <ShowAs
            label="Show timeline as"
            saveLabel="Save timeline as CSV"
            display={display}
            onSave={() => void save('timeline', timelineCsv(tokens))}
            onChange={setDisplay}
          />
        </span>
      </div>
      {state && <CauseLegend state={state} />}
      <PrefillLine tokens={tokens} prefill={prefill} />
      {display === 'chart' ? (
        <TimelinePlot
          tokens={tokens}
          state={state}
          update={update}
          hovered={hovered}
          onHover={onHover}
          onBranch={onBranch}
          width={width}
        />
      ) : (
        <TokenTable tokens={tokens} />
      )}
    </section>
  );
}

function ConclusionText({
  conclusion,
  isLive,
  budgetHref,
}: {
  readonly conclusion: Conclusion;
  readonly isLive: boolean;
  readonly budgetHref: string | undefined;
}) {
  return (
    <p className="min-w-0 text-1">
      {isLive && <span className="text-text-muted">So far: </span>}
      <b>{conclusion.finding}</b> <span className="text-text-muted">{conclusion.figures}</span>
      {conclusion.waitsForFlash && budgetHref !== undefined && (
        <>
          {' '}
          <a href={budgetHref} className="whitespace-nowrap underline">
            Give it more memory…
          </a>
        </>
      )}
    </p>
  );
}

function CauseLegend({ state: { data, summary } }: { readonly state: TimelineState }) {
  const entries = summary.shares.map(({ cause, ms, share }): LegendEntry => ({
    label: cause.label,
    role: cause.role,
    mark: 'area',
    total: `${formatMilliseconds(ms)} ${formatNumber(share * 100)} %`,
  }));
  return <Legend entries={[...entries, ...readEntries(data)]} />;
}

function readEntries({ reads, timed }: TimelineData): LegendEntry[] {
  if (!reads) return [];
  const told = { role: '--text', mark: 'none' } as const;
  const rate = hitRate(reads.hits, reads.misses);
  const beside = overlap(reads.busyNs, reads.waitNs);
  return [
    { ...told, label: 'read a token', total: formatBytes(reads.bytes / timed) },
    ...(rate === null ? [] : [{ ...told, label: 'hit rate', total: `${formatNumber(rate * 100)} %` }]),
    ...(beside === null
      ? []
      : [{ ...told, label: 'read beside computing', total: `${formatNumber(beside * 100)} %` }]),
  ];
}
