import { Popover as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

/** What a button opens beside itself; Esc or a press elsewhere closes it. */
export function Popover({
  trigger,
  label,
  children,
  side = 'bottom',
  align = 'start',
  isOpen,
  onOpenChange,
}: {
  readonly trigger: ReactNode;
  readonly label: string;
  readonly children: ReactNode;
  readonly side?: 'top' | 'bottom';
  readonly align?: 'start' | 'center' | 'end';
  readonly isOpen?: boolean;
  readonly onOpenChange?: (isOpen: boolean) => void;
}) {
  return (
    <Radix.Root
      {...(isOpen === undefined ? {} : { open: isOpen })}
      {...(onOpenChange === undefined ? {} : { onOpenChange })}
    >
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          aria-label={label}
          side={side}
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className="scrollable z-40 max-h-(--radix-popover-content-available-height) rounded-2 border border-line-strong bg-surface-raised shadow-float focus-visible:shadow-float"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
