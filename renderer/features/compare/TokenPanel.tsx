import { useRef, useState } from 'react';
import { classNames } from '../../ui/class-names.ts';
import { formatNumber } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { SegmentedControl } from '../../ui/SegmentedControl.tsx';
import { PartingLines } from './PartingLines.tsx';
import type { Comparison } from './result.ts';
import { TintLegend } from './TintLegend.tsx';
import { TokenCardPlace, type CardPlace } from './TokenCardPlace.tsx';
import { OwnReply, TokenColumn } from './TokenColumn.tsx';
import type { TokenTint } from './tokens.ts';

type View = TokenTint | 'own';

const columnCounts: Readonly<Record<number, string>> = {
  2: 'grid-cols-2',
  3: 'grid-cols-3',
  4: 'grid-cols-4',
};

/** The prompt side by side: the reference's reply as every model saw it, or each one's own. */
export function TokenPanel({
  comparison,
  className,
}: {
  readonly comparison: Comparison;
  readonly className: string;
}) {
  const [view, setView] = useState<View>('kl');
  const [card, setCard] = useState<CardPlace | null>(null);
  const grid = useRef<HTMLDivElement>(null);
  const isForced = comparison.forced !== null && view !== 'own';
  const tokens = comparison.columns[0]?.reply.tokens.length ?? null;
  return (
    <Panel
      title="Your prompt, side by side"
      className={className}
      aside={
        <>
          <span className="min-w-0 flex-1 truncate text-text-muted" title={comparison.prompt}>
            “{comparison.prompt}”{' '}
            {isForced && tokens !== null
              ? `The reference’s ${formatNumber(tokens)} tokens, read by every model`
              : 'Each one’s own reply'}
          </span>
          {isForced && <TintLegend tint={view} />}
          {comparison.forced && (
            <SegmentedControl
              label="Show of the prompt"
              value={view}
              segments={[
                { value: 'kl', label: 'KL' },
                { value: 'probability', label: 'probability' },
                { value: 'own', label: 'own replies' },
              ]}
              onChange={setView}
            />
          )}
        </>
      }
    >
      <div
        ref={grid}
        className={classNames(
          'relative grid border-t border-line',
          columnCounts[comparison.labels.length] ?? 'grid-cols-2',
        )}
      >
        {comparison.labels.map((label, index) =>
          isForced ? (
            <TokenColumn
              key={label}
              comparison={comparison}
              index={index}
              tint={view}
              marked={card?.token ?? null}
              isMarkedHere={card?.index === index}
              onMark={setCard}
            />
          ) : (
            <OwnReply key={label} comparison={comparison} index={index} />
          ),
        )}
        {isForced && comparison.forced && <PartingLines forced={comparison.forced} />}
      </div>
      {isForced && comparison.forced && card && (
        <TokenCardPlace comparison={comparison} forced={comparison.forced} place={card} grid={grid} />
      )}
    </Panel>
  );
}
