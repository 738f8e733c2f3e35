import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import { causes, causeTimes, totalMs, type CauseTimes } from '../../charts/causes.ts';
import { csvCell } from '../../charts/chart-table.ts';
import { LongTable } from '../../charts/LongTable.tsx';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { visibleText } from './summary.ts';
import { probabilityText } from './TokenCard.tsx';

const ms = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '' : formatNumber(value, 2);

/** Indexes of the causes that any token tells. */
function knownCauses(times: readonly CauseTimes[]): number[] {
  return causes.flatMap((_, index) => (times.some((of) => !Number.isNaN(of[index] ?? NaN)) ? [index] : []));
}

/** Causes are the same in every step of one engine; the last one has had all of them. */
function causesOf(tokens: readonly ReplyToken[]): number[] {
  const last = tokens.at(-1);
  return last ? knownCauses([causeTimes(last.trace)]) : [];
}

/** Told only of models that are streamed. */
const readColumns: readonly { readonly name: string; readonly of: (trace: TraceRecord) => string }[] = [
  { name: 'read', of: ({ bytesRead }) => (bytesRead === undefined ? '' : formatBytes(bytesRead)) },
  { name: 'hits', of: ({ cacheHits }) => (cacheHits === undefined ? '' : formatNumber(cacheHits)) },
  { name: 'misses', of: ({ cacheMisses }) => (cacheMisses === undefined ? '' : formatNumber(cacheMisses)) },
];

/** The same numbers as text. */
export function TokenTable({ tokens }: { readonly tokens: readonly ReplyToken[] }) {
  const known = causesOf(tokens);
  const reads = tokens.at(-1)?.trace.bytesRead === undefined ? [] : readColumns;
  return (
    <LongTable
      label="Tokens of the reply"
      className="h-44"
      columns={[
        { name: 'token', isFigure: true },
        { name: 'text' },
        { name: 'probability', isFigure: true },
        { name: 'time, ms', isFigure: true },
        ...known.map((index) => ({ name: `${causes[index]?.label ?? ''}, ms`, isFigure: true })),
        ...reads.map(({ name }) => ({ name, isFigure: true })),
        { name: 'KV', isFigure: true },
      ]}
      rowCount={tokens.length}
      row={(index) => {
        const token = tokens[index];
        if (!token) return [];
        const { trace, text, piece } = token;
        const times = causeTimes(trace);
        return [
          formatNumber(index),
          <span key="text" className="font-token whitespace-pre">
            {visibleText(text || piece)}
          </span>,
          trace.logProbability === undefined ? '' : probabilityText(trace.logProbability),
          ms(totalMs(trace)),
          ...known.map((cause) => ms(times[cause])),
          ...reads.map(({ of }) => of(trace)),
          trace.kvBytes === undefined ? '' : formatBytes(trace.kvBytes),
        ];
      }}
    />
  );
}

/** Every token with everything that is known of it. */
export function timelineCsv(tokens: readonly ReplyToken[]): string {
  const head = [
    'token', 'id', 'text', 'phase', 'probability', 'time ms', ...causes.map(({ label }) => `${label} ms`),
    'output head ms', 'bytes touched', 'bytes read', 'reads', 'cache hits', 'cache misses', 'reading ms', 'KV bytes',
  ]; // prettier-ignore
  const rows = tokens.map(({ id, text, piece, trace }, index) => [
    index, id, text || piece, trace.phase,
    trace.logProbability === undefined ? undefined : Math.exp(trace.logProbability),
    totalMs(trace), ...causeTimes(trace).map((value) => (Number.isNaN(value) ? undefined : value)),
    trace.timeNs.head === undefined ? undefined : trace.timeNs.head / 1e6,
    trace.bytesTouched, trace.bytesRead, trace.reads, trace.cacheHits, trace.cacheMisses,
    trace.readBusyNs === undefined ? undefined : trace.readBusyNs / 1e6, trace.kvBytes,
  ]); // prettier-ignore
  return [head, ...rows]
    .map((cells) => `${cells.map((cell) => csvCell(cell?.toString() ?? '')).join(',')}\r\n`)
    .join('');
}
