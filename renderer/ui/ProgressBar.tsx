import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

export interface ProgressBarProps {
  /** What is being done. */
  readonly title: string;
  readonly done: number;
  /** 0: not known yet. */
  readonly total: number;
  /** Under the bar, left to right: done of total, rate, time left. */
  readonly figures: readonly string[];
  /** Cancel. */
  readonly action?: ReactNode;
  /** In one line, where a heading says what is being done: nothing moves when it comes and goes. */
  readonly isInline?: boolean;
}

/** Long work always has numbers beside its bar. */
export function ProgressBar(props: ProgressBarProps) {
  const { title, figures, action, isInline = false } = props;
  if (isInline) {
    return (
      <div className="flex min-w-0 items-center gap-2 text-1 whitespace-nowrap text-text-muted">
        <Bar {...props} className="w-28 shrink-0" />
        <span className="truncate">{figures.join(' · ')}</span>
        {action}
      </div>
    );
  }
  return (
    <div className="grid gap-1">
      <div className="flex min-h-6 items-center justify-between gap-2">
        <span>{title}</span>
        {action}
      </div>
      <Bar {...props} />
      <div className="flex justify-between gap-2 text-1 text-text-muted">
        {figures.map((text, index) => (
          <span key={index}>{text}</span>
        ))}
      </div>
    </div>
  );
}

function Bar({ title, done, total, figures, className }: ProgressBarProps & { readonly className?: string }) {
  const percent = total > 0 ? Math.min(100, (done / total) * 100) : 0;
  return (
    <div
      role="progressbar"
      aria-label={title}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
      aria-valuetext={figures.join(', ')}
      className={classNames('h-1 overflow-hidden rounded-[2px] bg-line', className)}
    >
      <div className="h-full bg-accent" style={{ width: `${percent}%` }} />
    </div>
  );
}
