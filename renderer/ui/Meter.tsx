import { classNames } from './class-names.ts';

export type MeterFill = 'weights' | 'cache' | 'buffers' | 'kv' | 'scratch' | 'warn' | 'danger' | 'accent';

const fills: Record<MeterFill, string> = {
  weights: 'bg-mem-weights',
  cache: 'bg-mem-cache',
  buffers: 'bg-mem-buffers',
  kv: 'bg-mem-kv',
  scratch: 'fill-scratch',
  warn: 'bg-warn',
  danger: 'bg-danger',
  accent: 'bg-accent',
};

export interface MeterPart {
  readonly fill: MeterFill;
  readonly value: number;
}

/** One bar, its parts in a fixed order, empty up to the limit. The figures stand beside it: it is a drawing of them. */
export function Meter({
  parts,
  limit,
  isTall = false,
  className,
}: {
  readonly parts: readonly MeterPart[];
  readonly limit: number;
  readonly isTall?: boolean;
  readonly className?: string;
}) {
  return (
    <span
      aria-hidden="true"
      className={classNames(
        'flex min-w-15 overflow-hidden bg-surface-raised inset-ring inset-ring-line-strong',
        isTall ? 'h-6 rounded-[2px]' : 'h-2 rounded-[1px]',
        className,
      )}
    >
      {parts
        .filter(({ value }) => value > 0)
        .map(({ fill, value }, index) => (
          <i
            key={index}
            className={classNames('block h-full border-r border-surface-raised', fills[fill])}
            style={{ width: `${limit > 0 ? Math.min(100, (value / limit) * 100) : 0}%` }}
          />
        ))}
    </span>
  );
}
