import type { ComponentProps } from 'react';
import { classNames } from './class-names.ts';

export type ButtonVariant = 'plain' | 'primary' | 'danger' | 'quiet';

const looks: Record<ButtonVariant, string> = {
  plain: 'border-line-strong bg-surface-raised px-3 hover:bg-surface-hover',
  primary:
    'border-accent bg-accent px-3 font-strong text-on-accent hover:border-accent-hover hover:bg-accent-hover',
  danger: 'border-danger bg-surface-raised px-3 text-danger hover:bg-danger-tint',
  quiet:
    'border-transparent bg-transparent px-2 text-text-muted hover:bg-surface-hover hover:text-text aria-pressed:bg-surface-hover aria-pressed:text-text',
};
const off =
  'aria-disabled:bg-transparent aria-disabled:font-normal aria-disabled:text-text-muted disabled:bg-transparent disabled:font-normal disabled:text-text-muted';
const offBorder = 'aria-disabled:border-line disabled:border-line';

export interface ButtonProps extends ComponentProps<'button'> {
  readonly variant?: ButtonVariant;
  readonly size?: 'normal' | 'small';
}

export function Button({ variant = 'plain', size = 'normal', className, type, ...rest }: ButtonProps) {
  return (
    <button
      type={type ?? 'button'}
      className={classNames(
        'inline-flex shrink-0 cursor-default items-center justify-center gap-2 rounded-1 border whitespace-nowrap transition-colors',
        size === 'small' ? 'h-6 px-2 text-1' : 'h-7',
        looks[variant],
        off,
        variant === 'quiet' ? 'aria-disabled:opacity-50' : offBorder,
        className,
      )}
      {...rest}
    />
  );
}
