import type { ComparePrice } from '../../../electron/contract/compare.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import { navigate } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { Panel } from '../../ui/Panel.tsx';

interface Reads {
  readonly maxTokens: number;
  readonly hasText: boolean;
  readonly weightErrors: boolean;
}

/** What all of it would take, or why it cannot be begun; nothing runs before Start. */
export function PricePanel({
  price,
  before,
  missing,
  reads,
  isBeginning,
  onRetry,
  onBegin,
}: {
  readonly price: Answer<ComparePrice>;
  /** Shown while another is asked for. */
  readonly before: ComparePrice | null;
  /** What a person has to do first; null: nothing. */
  readonly missing: string | null;
  readonly reads: Reads;
  readonly isBeginning: boolean;
  readonly onRetry: () => void;
  readonly onBegin: () => void;
}) {
  const value = price && 'value' in price ? price.value : null;
  return (
    <Panel
      title="Before it runs"
      aside={
        <Button
          variant="primary"
          className="ml-auto"
          disabled={missing !== null || value === null || value.problem !== null || isBeginning}
          onClick={onBegin}
        >
          {isBeginning ? 'Starting…' : 'Start'}
        </Button>
      }
    >
      <div role="status" className="px-3 pb-3">
        {missing !== null && <p className="text-text-muted">{missing}</p>}
        {missing === null && price && 'error' in price && (
          <Notice
            level="error"
            title="It cannot be priced."
            actions={
              <Button size="small" onClick={onRetry}>
                Try again
              </Button>
            }
          >
            {price.error}
          </Notice>
        )}
        {missing === null && value?.problem && <Problem problem={value.problem} onRetry={onRetry} />}
        {missing === null && !price && <Facts price={before} reads={reads} isStale />}
        {missing === null && value && !value.problem && <Facts price={value} reads={reads} />}
      </div>
    </Panel>
  );
}

function Problem({
  problem: { code, message },
  onRetry,
}: {
  readonly problem: NonNullable<ComparePrice['problem']>;
  readonly onRetry: () => void;
}) {
  return (
    <Notice
      level="error"
      title="It would be refused."
      actions={
        <>
          {code === 'out-of-memory' && (
            <Button size="small" onClick={() => navigate({ screen: 'models', modelId: null })}>
              Open Models
            </Button>
          )}
          <Button size="small" onClick={onRetry}>
            Price again
          </Button>
        </>
      }
    >
      {message}
    </Notice>
  );
}

function Facts({
  price,
  reads,
  isStale = false,
}: {
  readonly price: ComparePrice | null;
  readonly reads: Reads;
  /** It is asked for again. */
  readonly isStale?: boolean;
}) {
  if (!price || price.problem) return <p className="min-h-16 text-text-muted">Reading headers, pricing…</p>;
  const { mode, peakBytes, freeBytes, promptTokens, qualityTokens, windows, variants } = price;
  const memory = peakBytes === null ? 'Memory is not known beforehand' : `${formatBytes(peakBytes)} at most`;
  const steps = [
    `${formatNumber(variants.length)} models in turn, ${formatNumber(promptTokens)} tokens of prompt and up to ${formatNumber(reads.maxTokens)} of reply each.`,
    mode === 'pairs'
      ? 'Then the reference with each of the others, one after the other: they do not fit in memory together.'
      : 'Then all together, so that the reference runs once.',
    ...(qualityTokens === null
      ? []
      : [
          `${formatNumber(qualityTokens)} tokens of text in ${formatNumber(windows ?? 0)} windows, read by each.`,
        ]),
    ...(reads.weightErrors ? ['At last all weights once more, matrix by matrix.'] : []),
  ];
  return (
    <div className="grid min-h-16 gap-1">
      <p>
        {isStale ? <span className="text-text-muted">Pricing again… </span> : <b>{memory} </b>}
        <span className="text-text-muted">
          {isStale && `${memory} before, `}of {formatBytes(freeBytes)} that are free beside the model in
          memory
        </span>
      </p>
      <p className="text-text-muted">{steps.join(' ')} It can be cancelled, and goes on after a restart.</p>
    </div>
  );
}
