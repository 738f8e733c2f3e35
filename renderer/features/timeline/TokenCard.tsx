import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import { causes, causeTimes, otherParts, totalMs } from '../../charts/causes.ts';
import { classNames } from '../../ui/class-names.ts';
import { formatBytes, formatMilliseconds, formatNumber } from '../../ui/format.ts';
import { overlap } from '../instruments/flash-reads.ts';
import { visibleText } from './summary.ts';

export interface TokenCardProps {
  readonly token: ReplyToken;
  readonly index: number;
  /** Absent: the reply cannot be branched here. */
  readonly onBranch?: ((token: number, alternative: number) => void) | undefined;
}

/** One token: what it is, how likely, what its time was spent on, and what could have stood in its place. */
export function TokenCard({ token, index, onBranch }: TokenCardProps) {
  return (
    <div className="grid grid-cols-[168px_minmax(0,1fr)] gap-3 text-1">
      <TokenFacts token={token} index={index} />
      <Alternatives token={token} index={index} onBranch={onBranch} />
    </div>
  );
}

function TokenFacts({ token, index }: { readonly token: ReplyToken; readonly index: number }) {
  const { trace, text, piece } = token;
  return (
    <div className="grid content-start">
      <div className="flex items-center justify-between gap-2">
        <span className="max-w-28 truncate rounded-[2px] bg-surface-sunken px-1 font-token text-2 whitespace-pre">
          {visibleText(text || piece) || '(no text)'}
        </span>
        <span className="text-text-muted">token {formatNumber(index)}</span>
      </div>
      {trace.logProbability !== undefined && (
        <Fact label="probability" value={probabilityText(trace.logProbability)} isStrong />
      )}
      <Fact
        label={trace.phase === 'prefill' ? 'reading the prompt' : 'time'}
        value={formatMilliseconds(totalMs(trace))}
        isStrong
      />
      <CauseBar token={token} />
      <CauseRows token={token} />
      {trace.bytesTouched !== undefined && (
        <Fact label="weights and KV used" value={formatBytes(trace.bytesTouched)} />
      )}
      {trace.kvBytes !== undefined && <Fact label="KV" value={formatBytes(trace.kvBytes)} />}
      <FlashFacts trace={trace} />
    </div>
  );
}

/** Nothing where the weights are all in memory. */
function FlashFacts({ trace }: { readonly trace: TraceRecord }) {
  const { bytesRead, reads, cacheHits, cacheMisses, readBusyNs, bytesReadInVain, timeNs } = trace;
  const beside = overlap(readBusyNs ?? 0, timeNs.readWait ?? 0);
  const longest = longestWait(trace);
  return (
    <>
      {bytesRead !== undefined && <Fact label="read from flash" value={formatBytes(bytesRead)} />}
      {bytesReadInVain !== undefined && bytesReadInVain > 0 && (
        <Fact label="of it read ahead in vain" value={formatBytes(bytesReadInVain)} />
      )}
      {reads !== undefined && <Fact label="in reads" value={formatNumber(reads)} />}
      {cacheMisses !== undefined && (
        <Fact
          label="weights"
          value={`${formatNumber(cacheHits ?? 0)} hit, ${formatNumber(cacheMisses)} missed`}
        />
      )}
      {beside !== null && <Fact label="read beside computing" value={`${formatNumber(beside * 100)} %`} />}
      {longest && <Fact label={`longest, ${longest.place}`} value={formatMilliseconds(longest.ms)} />}
    </>
  );
}

/** Where a token waited longest; null: nowhere, or it is not told by layer. */
function longestWait({ layers }: TraceRecord): { readonly place: string; readonly ms: number } | null {
  const waits = layers?.waitNs ?? [];
  const longest = Math.max(0, ...waits);
  if (longest === 0) return null;
  const layer = waits.indexOf(longest);
  return { place: layer === waits.length - 1 ? 'head' : `layer ${formatNumber(layer)}`, ms: longest / 1e6 };
}

function Fact({
  label,
  value,
  isStrong = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly isStrong?: boolean;
}) {
  return (
    <div className="flex justify-between gap-2 whitespace-nowrap">
      <span className="text-text-muted">{label}</span>
      <span className={isStrong ? 'font-strong' : undefined}>{value}</span>
    </div>
  );
}

function CauseBar({ token: { trace } }: { readonly token: ReplyToken }) {
  const whole = totalMs(trace);
  return (
    <span aria-hidden="true" className="my-1 flex h-2 overflow-hidden rounded-[1px]">
      {causeTimes(trace).map((ms, index) => (
        <i
          key={index}
          style={{
            width: `${whole > 0 && ms > 0 ? (ms / whole) * 100 : 0}%`,
            background: `var(${causes[index]?.role ?? ''})`,
          }}
        />
      ))}
    </span>
  );
}

function CauseRows({ token: { trace } }: { readonly token: ReplyToken }) {
  const parts = otherParts(trace)
    .filter(({ ms }) => ms >= 0.005)
    .map(({ label, ms }) => `${label} ${formatMilliseconds(ms)}`);
  return causeTimes(trace).map((ms, index) => {
    const cause = causes[index];
    if (!cause || Number.isNaN(ms)) return null;
    const title = cause.name === 'other' && parts.length > 0 ? parts.join(', ') : undefined;
    return (
      <div key={cause.name} className="flex items-center justify-between gap-2" title={title}>
        <span className="flex items-center gap-1 text-text-muted">
          <i
            aria-hidden="true"
            className="size-2 rounded-[1px]"
            style={{ background: `var(${cause.role})` }}
          />
          {cause.label}
        </span>
        <span>{formatMilliseconds(ms)}</span>
      </div>
    );
  });
}

export function probabilityText(logProbability: number): string {
  const probability = Math.exp(logProbability);
  return probability < 0.0005 ? '< 0.001' : formatNumber(probability, 3);
}

const mostAlternatives = 10;

function Alternatives({ token, index, onBranch }: TokenCardProps) {
  const top = (token.trace.top ?? []).slice(0, mostAlternatives);
  const best = Math.exp(top[0]?.logProbability ?? 0);
  if (top.length === 0) {
    return <p className="text-text-muted">No alternatives were recorded for this token.</p>;
  }
  return (
    <div className="min-w-0">
      <div className="mb-1 flex justify-between gap-2 text-text-muted">
        <span>Ten best, before sampling</span>
        {onBranch && <span>click to branch</span>}
      </div>
      <ol className="grid grid-flow-col grid-cols-2 grid-rows-5 gap-x-3">
        {top.map(({ id, logProbability, piece }) => (
          <li key={id} className="min-w-0">
            <Alternative
              text={visibleText(piece ?? `id ${id}`)}
              probability={probabilityText(logProbability)}
              share={Math.exp(logProbability) / best}
              isChosen={id === token.id}
              onBranch={onBranch && (() => onBranch(index, id))}
            />
          </li>
        ))}
      </ol>
    </div>
  );
}

function Alternative({
  text,
  probability,
  share,
  isChosen,
  onBranch,
}: {
  readonly text: string;
  readonly probability: string;
  /** Of the likeliest, 0 to 1. */
  readonly share: number;
  readonly isChosen: boolean;
  readonly onBranch: (() => void) | undefined;
}) {
  return (
    <button
      type="button"
      aria-disabled={isChosen || !onBranch}
      onClick={isChosen ? undefined : onBranch}
      className={classNames(
        'grid h-5 w-full cursor-default grid-cols-[minmax(0,1fr)_40px_40px] items-center gap-1 rounded-[2px] px-1 text-left',
        isChosen ? 'bg-surface-selected' : 'hover:bg-surface-hover',
      )}
    >
      <span className="truncate font-token whitespace-pre">
        <span className="sr-only">{isChosen ? 'this token ' : 'branch with '}</span>
        {text}
      </span>
      <span aria-hidden="true" className="block h-1.5">
        <i
          className={classNames('block h-full rounded-[1px]', isChosen ? 'bg-accent' : 'bg-text-muted')}
          style={{ width: `${Math.min(100, Math.max(2.5, share * 100))}%` }}
        />
      </span>
      <span className="text-right whitespace-nowrap">
        <span className="sr-only">, probability </span>
        {probability}
      </span>
    </button>
  );
}
