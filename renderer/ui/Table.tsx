import type { ComponentProps } from 'react';
import { classNames } from './class-names.ts';

/** Plain tables: heads small and muted, figures right-aligned, a line under each row. */
export function Table({ className, ...rest }: ComponentProps<'table'>) {
  return <table className={classNames('w-full', className)} {...rest} />;
}

interface CellProps {
  /** A figure, aligned to the right. */
  readonly isFigure?: boolean;
}

export function HeadCell({ isFigure = false, className, ...rest }: ComponentProps<'th'> & CellProps) {
  return (
    <th
      scope="col"
      className={classNames(
        'border-b border-line px-2 py-1 align-bottom text-1 font-normal whitespace-nowrap text-text-muted first:pl-3 last:pr-3',
        isFigure ? 'text-right' : 'text-left',
        className,
      )}
      {...rest}
    />
  );
}

export function Row({ className, ...rest }: ComponentProps<'tr'>) {
  return (
    <tr
      className={classNames(
        'border-b border-line last:border-b-0 hover:bg-surface-hover aria-selected:bg-surface-selected',
        className,
      )}
      {...rest}
    />
  );
}

export function Cell({ isFigure = false, className, ...rest }: ComponentProps<'td'> & CellProps) {
  return (
    <td
      className={classNames(
        'h-7 px-2 whitespace-nowrap first:pl-3 last:pr-3',
        isFigure && 'text-right',
        className,
      )}
      {...rest}
    />
  );
}
