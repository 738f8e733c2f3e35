import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

const looks = {
  info: { ground: 'bg-accent-tint', edge: 'bg-accent' },
  warning: { ground: 'bg-warn-tint', edge: 'bg-warn' },
  error: { ground: 'bg-danger-tint', edge: 'bg-danger' },
} as const;

/** What happened, what was kept, and what to do about it. */
export function Notice({
  level,
  title,
  children,
  actions,
}: {
  readonly level: keyof typeof looks;
  readonly title: ReactNode;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}) {
  const { ground, edge } = looks[level];
  return (
    <div
      role={level === 'error' ? 'alert' : 'status'}
      className={classNames(
        'grid grid-cols-[4px_minmax(0,1fr)_auto] items-center gap-x-3 overflow-hidden rounded-1',
        ground,
      )}
    >
      <span aria-hidden="true" className={classNames('self-stretch', edge)} />
      <div className="py-2">
        <p className="font-strong">{title}</p>
        {children !== undefined && <div className="text-1 text-text-muted">{children}</div>}
      </div>
      <div className="mr-2 flex items-center gap-2">{actions}</div>
    </div>
  );
}
