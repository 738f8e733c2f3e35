import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

export type Tone = 'plain' | 'accent' | 'ok' | 'warn' | 'danger';

const tones: Record<Tone, string> = {
  plain: 'border-line bg-surface-raised text-text-muted',
  accent: 'border-transparent bg-accent-tint text-accent',
  ok: 'border-transparent bg-ok-tint text-ok',
  warn: 'border-transparent bg-warn-tint text-warn',
  danger: 'border-transparent bg-danger-tint text-danger',
};

export function Chip({ tone = 'plain', children }: { readonly tone?: Tone; readonly children: ReactNode }) {
  return (
    <span
      className={classNames(
        'inline-flex h-5 shrink-0 items-center gap-1 rounded-1 border px-2 text-1 whitespace-nowrap',
        tones[tone],
      )}
    >
      {children}
    </span>
  );
}
