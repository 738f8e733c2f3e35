import type { ReactNode } from 'react';
import type { Fit, LoadSettings, MemoryBudget } from '../../../electron/contract/machine.ts';
import { KvCodec } from '../../../electron/contract/open-model.ts';
import type { Answer } from '../../ipc/use-answer.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { formatBytes, formatNumber, formatRate } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { Slider } from '../../ui/Slider.tsx';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';
import { BudgetKnob } from './BudgetKnob.tsx';
import { contextSlider } from './context-steps.ts';
import { adviceFor, measuredText, overBytes } from './fit.ts';
import { FitBar } from './FitBar.tsx';
import { PackAdvice } from './PackAdvice.tsx';
import { predictionOf } from './streaming.ts';
import { StreamingFacts } from './StreamingFacts.tsx';

export interface FitPanelProps {
  readonly modelId: string;
  readonly answer: Answer<Fit>;
  /** The price before, where `answer` refuses one. */
  readonly lastFit: Fit | null;
  /** The least memory budget, where `answer` refuses one below it; null: it does not. */
  readonly leastBudget: number | null;
  /** Of a streamed model, what the knob stands for. */
  readonly budget: MemoryBudget;
  /** Makes a pack of the model. */
  readonly packCommand: string;
  readonly settings: LoadSettings;
  readonly precisions: readonly Fit[];
  readonly cores: number;
  readonly onChange: (change: Partial<LoadSettings>) => void;
  readonly onRetry: () => void;
  /** Load, unload, progress. */
  readonly actions: ReactNode;
}

/** What loading would take, repriced on every knob, before anything is loaded. */
export function FitPanel(props: FitPanelProps) {
  const { answer, onRetry, actions } = props;
  const fit = answer && 'value' in answer ? answer.value : null;
  const knobs = fit ?? props.lastFit;
  return (
    <Panel
      title="Fit before load"
      aside={fit && <FitHead fit={fit} onChange={props.onChange} />}
      note={<FitFoot fit={fit} actions={actions} />}
    >
      <div className="grid content-start gap-2 px-3 pb-3">
        {answer === null && <p className="text-text-muted">Pricing from the headers…</p>}
        {answer && 'error' in answer && (
          <Notice
            level="error"
            title="This cannot be priced."
            actions={<Remedy {...props} onRetry={onRetry} />}
          >
            {answer.error}
          </Notice>
        )}
        {fit && <FitBar fit={fit} />}
        {knobs && <Knobs {...props} fit={knobs} />}
        {fit && <Costs {...props} fit={fit} />}
      </div>
    </Panel>
  );
}

/** What helps where it cannot be priced. */
function Remedy({ leastBudget, onChange, onRetry }: FitPanelProps) {
  if (leastBudget !== null) {
    return (
      <Button size="small" onClick={() => onChange({ memoryBudget: leastBudget })}>
        Use the least, {formatBytes(leastBudget)}
      </Button>
    );
  }
  return (
    <Button size="small" onClick={onRetry}>
      Try again
    </Button>
  );
}

function FitHead({ fit, onChange }: { readonly fit: Fit; readonly onChange: FitPanelProps['onChange'] }) {
  return (
    <>
      {fit.fits ? (
        <Chip tone="ok">{fit.streaming ? 'fits, streamed' : 'fits'}</Chip>
      ) : (
        <Chip tone="danger">does not fit</Chip>
      )}
      <span className="ml-auto flex items-center gap-2 text-1 text-text-muted">
        largest context that fits:
        {fit.largestContext > 0 ? (
          <Button
            size="small"
            title="Use this context"
            onClick={() => onChange({ context: fit.largestContext })}
          >
            {formatNumber(fit.largestContext)}
          </Button>
        ) : (
          <b className="text-text">none</b>
        )}
      </span>
    </>
  );
}

function Knobs(props: FitPanelProps & { readonly fit: Fit }) {
  const { fit, leastBudget, settings, cores, budget, onChange } = props;
  const streaming = fit.streaming && {
    ...fit.streaming,
    minimumMemoryBudgetBytes: leastBudget ?? fit.streaming.minimumMemoryBudgetBytes,
  };
  const steps = contextSlider(fit.modelContext);
  const context = settings.context ?? fit.context;
  const threads = settings.threads ?? cores;
  return (
    <div className="grid grid-cols-[92px_minmax(0,1fr)] items-center gap-x-3 gap-y-1">
      {streaming && (
        <BudgetKnob
          fit={{ ...fit, streaming }}
          chosen={budget}
          onChange={(memoryBudget) => onChange({ memoryBudget })}
        />
      )}
      <span aria-hidden="true" className="text-text-muted">
        Context
      </span>
      <Slider
        label="Context"
        hidesLabel
        value={Math.round(steps.toStep(context))}
        minimum={0}
        maximum={steps.maximum}
        step={1}
        limit={fit.largestContext > 0 ? steps.toStep(fit.largestContext) : undefined}
        figure={`${formatNumber(context)} tokens`}
        onChange={(step) => onChange({ context: steps.toContext(Math.round(step)) })}
      />
      <span aria-hidden="true" className="text-text-muted">
        KV precision
      </span>
      <span className="flex items-center justify-between gap-2">
        <SegmentedControl
          label="KV precision"
          value={settings.kvCodec ?? fit.kvCodec}
          segments={KvCodec.options.map((codec) => ({ value: codec, label: codec }))}
          onChange={(kvCodec) => onChange({ kvCodec })}
        />
        <span>
          {formatNumber(fit.kvBytesPerToken / 1024, 1)}{' '}
          <span className="text-1 text-text-muted">KiB/token</span>
        </span>
      </span>
      <span aria-hidden="true" className="text-text-muted">
        Threads
      </span>
      <Slider
        label="Threads"
        hidesLabel
        value={threads}
        minimum={1}
        maximum={Math.max(cores, threads, 2)}
        step={1}
        figure={`${formatNumber(threads)} of ${formatNumber(cores)}`}
        onChange={(next) => onChange({ threads: next })}
      />
    </div>
  );
}

/** What the price says beside its sum. */
function Costs(props: FitPanelProps & { readonly fit: Fit }) {
  const { fit, modelId, precisions, packCommand, onChange, onRetry } = props;
  const { streaming } = fit;
  const advice = adviceFor(fit, precisions);
  return (
    <>
      {streaming && <StreamingFacts streaming={streaming} modelId={modelId} onMeasured={onRetry} />}
      {advice !== null && <p className="text-1 text-warn">{advice}</p>}
      {!fit.fits && !fit.canStream && <PackAdvice command={packCommand} />}
      <Precisions precisions={precisions} current={fit} onChange={onChange} />
    </>
  );
}

/** The same context with each precision of keys and values: what else would fit. */
function Precisions({
  precisions,
  current,
  onChange,
}: {
  readonly precisions: readonly Fit[];
  readonly current: Fit;
  readonly onChange: FitPanelProps['onChange'];
}) {
  return (
    <Table aria-label="Other precisions of keys and values">
      <thead>
        <tr>
          <HeadCell>KV</HeadCell>
          <HeadCell isFigure>sum</HeadCell>
          <HeadCell isFigure>of what is free</HeadCell>
          <HeadCell isFigure>largest context</HeadCell>
          <HeadCell isFigure>predicted tokens/s</HeadCell>
          <HeadCell>
            <span className="sr-only">Choose</span>
          </HeadCell>
        </tr>
      </thead>
      <tbody>
        {KvCodec.options.map((codec) => (
          <PrecisionRow
            key={codec}
            codec={codec}
            fit={codec === current.kvCodec ? current : precisions.find(({ kvCodec }) => kvCodec === codec)}
            isCurrent={codec === current.kvCodec}
            onUse={() => onChange({ kvCodec: codec })}
          />
        ))}
      </tbody>
    </Table>
  );
}

function PrecisionRow({
  codec,
  fit,
  isCurrent,
  onUse,
}: {
  readonly codec: KvCodec;
  /** Absent: not priced yet, or the model's engine has no such precision. */
  readonly fit: Fit | undefined;
  readonly isCurrent: boolean;
  readonly onUse: () => void;
}) {
  const rate = fit?.predictedTokensPerSecond ?? null;
  return (
    <Row aria-selected={isCurrent}>
      <Cell>{codec}</Cell>
      <Cell isFigure>{fit ? formatBytes(fit.totalBytes) : '…'}</Cell>
      <Cell isFigure>
        {fit && (fit.fits ? 'fits' : <b className="text-warn">{formatBytes(overBytes(fit))} over</b>)}
      </Cell>
      <Cell isFigure>{fit && (fit.largestContext > 0 ? formatNumber(fit.largestContext) : 'none')}</Cell>
      <Cell isFigure>{fit && (rate === null ? 'not known yet' : formatRate(rate))}</Cell>
      <Cell isFigure>
        {fit && !isCurrent && (
          <Button size="small" aria-label={`Use ${codec}`} onClick={onUse}>
            Use
          </Button>
        )}
      </Cell>
    </Row>
  );
}

function FitFoot({ fit, actions }: { readonly fit: Fit | null; readonly actions: ReactNode }) {
  const measured = fit && measuredText(fit);
  const prediction = fit && predictionOf(fit);
  return (
    <div className="flex items-center gap-4">
      {prediction && (
        <div className="min-w-0">
          <p>
            <span className="text-1 text-text-muted">{prediction.label}</span>{' '}
            {prediction.tokensPerSecond === null ? (
              <span className="text-1 text-text-muted">{prediction.missing}</span>
            ) : (
              <>
                <b>{formatRate(prediction.tokensPerSecond)}</b>{' '}
                <span className="text-1 text-text-muted">tokens/s, {formatBytes(fit.totalBytes)}</span>
              </>
            )}
          </p>
          <p className="text-1 text-text-muted">
            {measured === null ? 'not measured yet' : 'measured last '}
            {measured !== null && <b className="text-text">{measured}</b>}
          </p>
        </div>
      )}
      <div className="ml-auto flex shrink-0 items-center gap-2">{actions}</div>
    </div>
  );
}
