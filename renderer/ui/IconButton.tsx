import type { LucideIcon } from 'lucide-react';
import { Button, type ButtonProps } from './Button.tsx';
import { Tooltip } from './Tooltip.tsx';
import { classNames } from './class-names.ts';

export interface IconButtonProps extends Omit<ButtonProps, 'children' | 'aria-label'> {
  readonly icon: LucideIcon;
  /** What it does; shown as a tooltip too. */
  readonly label: string;
  /** Shown beside the label in the tooltip, such as "Ctrl I". */
  readonly shortcut?: string;
}

export function IconButton({ icon: Icon, label, shortcut, className, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={label} shortcut={shortcut}>
      <Button
        variant="quiet"
        aria-label={label}
        className={classNames(rest.size === 'small' ? 'w-6' : 'w-7', 'px-0!', className)}
        {...rest}
      >
        <Icon size={16} strokeWidth={1.5} aria-hidden />
      </Button>
    </Tooltip>
  );
}
