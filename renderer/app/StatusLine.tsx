import type { ReactNode } from 'react';
import type { Streaming } from '../../electron/contract/streaming.ts';
import type { LoadState, MemoryReading } from '../../electron/contract/machine.ts';
import { classNames } from '../ui/class-names.ts';
import { formatBytes, formatNumber, formatRate } from '../ui/format.ts';
import { gaugeFill } from '../ui/gauge.ts';
import { Meter, type MeterPart } from '../ui/Meter.tsx';
import { useApp } from './app-context.ts';
import { shortcutText } from './shortcuts.ts';
import type { FlashReads } from '../features/instruments/flash-reads.ts';
import { allowedBytes, modelBytes, ownScratchBytes } from '../features/instruments/memory-room.ts';
import { streamingOf, weightParts } from '../features/instruments/weight-parts.ts';

type Health = 'ok' | 'warn' | 'danger';

/** What the dot means, in words. */
function healthOf(engine: LoadState, isConnected: boolean): { health: Health; text: string } {
  if (!isConnected) return { health: 'danger', text: 'Reconnecting' };
  switch (engine.state) {
    case 'none':
      return { health: 'warn', text: 'No model in memory' };
    case 'loading':
      return { health: 'warn', text: `Loading ${engine.title}` };
    case 'failed':
      return { health: 'danger', text: 'Engine stopped' };
    case 'ready':
      return { health: 'ok', text: engine.isBusy ? 'Engine working' : 'Engine ready' };
  }
}

const dots: Record<Health, string> = { ok: 'bg-ok', warn: 'bg-warn', danger: 'bg-danger' };

function Item({ children, isLast = false }: { readonly children: ReactNode; readonly isLast?: boolean }) {
  return (
    <span
      className={classNames(
        'flex h-4 shrink-0 items-center gap-2',
        isLast ? 'ml-auto pl-3' : 'not-first:ml-3 not-first:border-l not-first:border-line not-first:pl-3',
      )}
    >
      {children}
    </span>
  );
}

function MemoryItem({
  reading,
  streaming,
}: {
  readonly reading: MemoryReading;
  readonly streaming: Streaming | null;
}) {
  const { weightsBytes, kvBytes } = reading;
  const used = modelBytes(reading);
  const budget = allowedBytes(reading);
  const weights: readonly MeterPart[] = streaming
    ? weightParts(streaming, weightsBytes).map(({ fill, bytes }) => ({ fill, value: bytes }))
    : [{ fill: 'weights', value: weightsBytes }];
  return (
    <Item>
      Memory
      <Meter
        className="w-24"
        limit={budget}
        parts={[
          ...weights,
          { fill: 'kv', value: kvBytes },
          { fill: 'scratch', value: ownScratchBytes(reading) },
        ]}
      />
      <span>
        <b className="text-text">{formatBytes(used)}</b> of {formatBytes(budget)}
      </span>
    </Item>
  );
}

function ContextItem({ used, limit }: { readonly used: number; readonly limit: number }) {
  const fill = gaugeFill(used, limit);
  return (
    <Item>
      Context
      <Meter className="w-16" limit={limit} parts={[{ fill, value: used }]} />
      <span className={classNames(fill === 'warn' && 'text-warn', fill === 'danger' && 'text-danger')}>
        <b className={fill === 'kv' ? 'text-text' : undefined}>{formatNumber(used)}</b> of{' '}
        {formatNumber(limit)}
      </span>
    </Item>
  );
}

/** Where weights come from: memory, or flash with what its latest steps read and which part they found in memory. */
function WeightsItem({
  streaming,
  reads,
  isBusy,
}: {
  readonly streaming: Streaming | null;
  readonly reads: FlashReads | null;
  /** A prompt is read or a reply is written. */
  readonly isBusy: boolean;
}) {
  if (!streaming) return <Item>Weights from RAM</Item>;
  const rate = reads?.hitRate ?? null;
  return (
    <Item>
      <span>
        Weights from flash
        {reads && isBusy && (
          <>
            , <b className="text-text">{formatBytes(reads.bytesPerSecond)}</b>/s
          </>
        )}
        {rate !== null && (
          <>
            , <b className="text-text">{formatNumber(rate * 100)} %</b> hits
          </>
        )}
      </span>
    </Item>
  );
}

/** Always visible: the engine's health, the model, memory, context, speed, where weights come from. */
export function StatusLine({ onOpenPalette }: { readonly onOpenPalette: () => void }) {
  const engine = useApp((state) => state.engine);
  const isConnected = useApp((state) => state.connection.phase === 'connected');
  const memory = useApp((state) => state.memory);
  const speed = useApp((state) => state.tokensPerSecond);
  const contextTokens = useApp((state) => state.contextTokens);
  const reads = useApp((state) => state.flashReads);
  const streaming = streamingOf(engine);
  const { health, text } = healthOf(engine, isConnected);
  return (
    <footer
      aria-label="Status"
      className="col-span-full flex items-center overflow-hidden border-t border-line bg-surface-sunken px-3 text-1 whitespace-nowrap text-text-muted"
    >
      <Item>
        <i aria-hidden="true" className={classNames('size-2 rounded-[4px]', dots[health])} />
        <span role="status">{text}</span>
      </Item>
      {engine.state === 'ready' && (
        <Item>
          <b className="text-text">{engine.title}</b>
          {engine.precision}
        </Item>
      )}
      {memory !== null && <MemoryItem reading={memory} streaming={streaming} />}
      {engine.state === 'ready' && <ContextItem used={contextTokens ?? engine.held} limit={engine.context} />}
      {speed !== null && (
        <Item>
          <b className="text-text">{formatRate(speed)}</b> tokens/s
        </Item>
      )}
      {engine.state === 'ready' && <WeightsItem streaming={streaming} reads={reads} isBusy={engine.isBusy} />}
      <Item isLast>
        <button type="button" className="flex cursor-default items-center gap-2" onClick={onOpenPalette}>
          <kbd>{shortcutText('palette')}</kbd> commands
        </button>
      </Item>
    </footer>
  );
}
