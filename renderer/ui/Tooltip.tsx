import { Tooltip as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

/** Stands around the whole app once, so that tooltips beside each other open without a wait. */
export const TooltipProvider = Radix.Provider;

/** Says what a control does; never the only place where something is said. */
export function Tooltip({
  text,
  shortcut,
  children,
}: {
  readonly text: string;
  readonly shortcut?: string | undefined;
  readonly children: ReactNode;
}) {
  return (
    <Radix.Root delayDuration={400}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          sideOffset={6}
          collisionPadding={8}
          className="z-50 flex max-w-80 items-center gap-2 rounded-1 bg-surface-inverse px-2 py-1 text-1 text-text-inverse shadow-float"
        >
          {text}
          {shortcut !== undefined && <span className="opacity-80">{shortcut}</span>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
