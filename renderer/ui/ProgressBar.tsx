import type { ReactNode } from 'react';

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
}

/** Long work always has numbers beside its bar. */
export function ProgressBar({ title, done, total, figures, action }: ProgressBarProps) {
  const percent = total > 0 ? Math.min(100, (done / total) * 100) : 0;
  return (
    <div className="grid gap-1">
      <div className="flex min-h-6 items-center justify-between gap-2">
        <span>{title}</span>
        {action}
      </div>
      <div
        role="progressbar"
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        aria-valuetext={figures.join(', ')}
        className="h-1 overflow-hidden rounded-[2px] bg-line"
      >
        <div className="h-full bg-accent" style={{ width: `${percent}%` }} />
      </div>
      <div className="flex justify-between gap-2 text-1 text-text-muted">
        {figures.map((text, index) => (
          <span key={index}>{text}</span>
        ))}
      </div>
    </div>
  );
}
