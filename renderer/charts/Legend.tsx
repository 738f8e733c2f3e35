import type { ReactNode } from 'react';
import { classNames } from '../ui/class-names.ts';
import type { LegendEntry } from './chart-view.ts';

/** What a colour stands for, with its total: no second place to look. */
export function Legend({
  entries,
  children,
  className,
}: {
  readonly entries: readonly LegendEntry[];
  /** After the entries. */
  readonly children?: ReactNode;
  readonly className?: string;
}) {
  return (
    <ul className={classNames('flex flex-wrap gap-x-3 text-1 text-text-muted', className)}>
      {entries.map((entry) => (
        <li key={entry.label} className="inline-flex items-center gap-1 whitespace-nowrap">
          <Mark entry={entry} />
          {entry.label} <b className="font-strong text-text">{entry.total}</b>
        </li>
      ))}
      {children}
    </ul>
  );
}

function Mark({ entry: { mark, role } }: { readonly entry: LegendEntry }) {
  if (mark === 'none') return null;
  if (mark === 'hatched')
    return <i aria-hidden="true" className="fill-scratch size-2 shrink-0 rounded-[1px]" />;
  return (
    <i
      aria-hidden="true"
      className={mark === 'line' ? 'h-0.5 w-3 shrink-0' : 'size-2 shrink-0 rounded-[1px]'}
      style={{ background: `var(${role})` }}
    />
  );
}
