import type { ReplyToken } from '../../../electron/contract/chats.ts';
import type { TraceRecord } from '../../../electron/contract/trace.ts';
import { formatMilliseconds } from '../../ui/format.ts';
import { prefillText, summarizePrefill } from './summary.ts';

/** Reading the prompt, apart from the tokens: it takes as long as many of them. */
export function PrefillLine({
  tokens,
  prefill,
}: {
  readonly tokens: readonly ReplyToken[];
  readonly prefill: readonly TraceRecord[];
}) {
  const first = tokens[0]?.trace;
  // The last step of reading drew the first token.
  const summary = summarizePrefill(first ? [...prefill, first] : prefill);
  if (!summary) return null;
  const causes = summary.shares.map(({ cause, ms }) => `${cause.label} ${formatMilliseconds(ms)}`).join(', ');
  return (
    <p className="flex items-center gap-2 text-1 text-text-muted" title={causes}>
      <span aria-hidden="true" className="flex h-2 w-24 shrink-0 overflow-hidden rounded-[1px]">
        {summary.shares.map(({ cause, share }) => (
          <i key={cause.name} style={{ width: `${share * 100}%`, background: `var(${cause.role})` }} />
        ))}
      </span>
      <span>
        {prefillText(summary)}
        <span className="sr-only">: {causes}</span>
      </span>
    </p>
  );
}
