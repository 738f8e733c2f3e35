import { useRef, useState } from 'react';
import type { CodecComparison } from '../../../electron/contract/held-cache.ts';
import type { KvCodec } from '../../../electron/contract/open-model.ts';
import type { Progress } from '../../../electron/contract/progress.ts';
import { toLabError } from '../../../electron/contract/errors.ts';
import type { HeldConversation } from '../../../electron/contract/kv-cache.ts';
import type { LoadState } from '../../../electron/contract/machine.ts';
import { drain } from '../../../electron/contract/rpc-client.ts';
import { useAppActions } from '../../app/app-context.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Chip } from '../../ui/Chip.tsx';
import { formatBytes, formatNumber, formatRate } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';
import { loadedBudget } from '../models/streaming.ts';
import { codecRows, type CodecRow } from './what-if.ts';

type Ready = LoadState & { readonly state: 'ready' };

interface Measured {
  /** What was held. */
  readonly of: HeldConversation;
  readonly comparison: CodecComparison;
}

/** What this conversation would take with another codec, and what that costs, measured on it. */
export function WhatIfPanel({ held, engine }: { readonly held: HeldConversation; readonly engine: Ready }) {
  const measuring = useMeasuring(held);
  const { loadModel } = useAppActions();
  const rows = codecRows(held, engine.kvCodec, measuring.comparison);
  const apply = (kvCodec: KvCodec) => {
    const { model, context } = engine;
    const settings = { context, kvCodec, threads: engine.info.threads, memoryBudget: loadedBudget(engine) };
    // Refusals are told by a toast.
    loadModel(model, settings).catch(() => undefined);
  };
  const canMeasure = held.layers.length > 0 && held.positions > 1;
  return (
    <Panel
      title="What if"
      aside={
        <>
          <span className="text-1 text-text-muted">
            {measuring.progress
              ? 'replaying the conversation in f16 and q8'
              : 'predicted for this model, measured on this conversation'}
          </span>
          {measuring.progress && (
            <span className="ml-auto">
              <ProgressBar
                isInline
                title="Replaying the conversation in f16 and q8"
                done={measuring.progress.done}
                total={measuring.progress.total}
                figures={[
                  `${formatNumber(measuring.progress.done)} of ${formatNumber(measuring.progress.total)} steps`,
                ]}
                action={
                  <Button size="small" onClick={measuring.cancel}>
                    Cancel
                  </Button>
                }
              />
            </span>
          )}
          {measuring.progress === null && (
            <Button size="small" className="ml-auto" disabled={!canMeasure} onClick={measuring.begin}>
              {measuring.comparison ? 'Measure again' : 'Measure'}
            </Button>
          )}
        </>
      }
    >
      {measuring.error !== null && <p className="px-3 pb-2 text-1 text-danger">{measuring.error}</p>}
      <CodecTable rows={rows} context={held.context} onApply={apply} />
    </Panel>
  );
}

function useMeasuring(held: HeldConversation) {
  const { client } = useHost();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [measured, setMeasured] = useState<Measured | null>(null);
  const [error, setError] = useState<string | null>(null);
  const running = useRef<AbortController | null>(null);
  const begin = () => {
    const stop = new AbortController();
    running.current = stop;
    setError(null);
    setProgress({ phase: 'replay', done: 0, total: held.positions });
    drain(client.compareCodecs({}, { signal: stop.signal }), setProgress)
      .then((comparison) => setMeasured({ of: held, comparison }))
      .catch((thrown: unknown) => {
        const { code, message } = toLabError(thrown);
        if (code !== 'cancelled') setError(message);
        else if (!stop.signal.aborted) setError('A reply began: measure again when it has ended.');
      })
      .finally(() => setProgress(null));
  };
  const comparison = measured && holdsSame(measured.of, held) ? measured.comparison : null;
  return { progress, error, comparison, begin, cancel: () => running.current?.abort() };
}

/** Other contents have other results; read again, the same contents have the same. */
const holdsSame = (one: HeldConversation, other: HeldConversation): boolean =>
  one.pieces.length === other.pieces.length &&
  one.pieces.every((piece, position) => piece === other.pieces[position]);

function CodecTable({
  rows,
  context,
  onApply,
}: {
  readonly rows: readonly CodecRow[];
  readonly context: number;
  readonly onApply: (codec: KvCodec) => void;
}) {
  const shown = (value: number | null, write: (value: number) => string) =>
    value === null ? '' : write(value);
  return (
    <Table aria-label="KV codecs" className="mb-1">
      <thead>
        <tr>
          <HeadCell>KV method</HeadCell>
          <HeadCell isFigure>now</HeadCell>
          <HeadCell isFigure>at {formatNumber(context)}</HeadCell>
          <HeadCell>of f16</HeadCell>
          <HeadCell isFigure>mean KL, nats</HeadCell>
          <HeadCell isFigure className="min-w-18">
            top-1
          </HeadCell>
          <HeadCell isFigure className="min-w-18">
            tokens/s
          </HeadCell>
          <HeadCell>
            <span className="sr-only">Apply</span>
          </HeadCell>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.codec} aria-selected={row.isInUse}>
            <Cell>
              <span className="flex items-center gap-2">
                {row.codec}
                {row.isInUse && <Chip tone="accent">now in use</Chip>}
                {row.codec === 'q8' && <Chip tone="warn">lossy</Chip>}
              </span>
            </Cell>
            <Cell isFigure>{shown(row.bytes, formatBytes)}</Cell>
            <Cell isFigure>{shown(row.bytesAtContext, formatBytes)}</Cell>
            <Cell>
              {row.share !== null && (
                <span className="flex items-center gap-1">
                  <i
                    aria-hidden="true"
                    className="block h-2 bg-mem-kv"
                    style={{ width: `${row.share * 72}px` }}
                  />
                  {formatNumber(row.share * 100)} %
                </span>
              )}
            </Cell>
            <Cell isFigure>{shown(row.kl, (value) => formatNumber(value, value === 0 ? 0 : 4))}</Cell>
            <Cell isFigure>{shown(row.topOne, (value) => `${formatNumber(value * 100, 1)} %`)}</Cell>
            <Cell isFigure>{shown(row.tokensPerSecond, formatRate)}</Cell>
            <Cell isFigure>
              {!row.isInUse && (
                <Button size="small" aria-label={`Apply ${row.codec}`} onClick={() => onApply(row.codec)}>
                  Apply
                </Button>
              )}
            </Cell>
          </Row>
        ))}
      </tbody>
    </Table>
  );
}
