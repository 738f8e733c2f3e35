import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

export interface MenuItem {
  readonly label: string;
  readonly onSelect: () => void;
  readonly shortcut?: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
}

const row =
  'flex h-7 cursor-default items-center gap-2 px-3 outline-none data-[disabled]:text-text-muted data-[highlighted]:bg-surface-selected data-[highlighted]:shadow-none';
const sheet =
  'scrollable z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-40 rounded-2 border border-line-strong bg-surface-raised py-1 shadow-float';

/** A button's menu. Not modal: a modal one would add a style element, which the page's policy blocks. */
export function Menu({
  trigger,
  items,
  align = 'end',
}: {
  /** A button. */
  readonly trigger: ReactNode;
  /** null: a line. */
  readonly items: readonly (MenuItem | null)[];
  readonly align?: 'start' | 'end';
}) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      {/* Inside the landmark, as all that the page says. */}
      <DropdownMenu.Portal container={document.querySelector('main')}>
        <DropdownMenu.Content align={align} sideOffset={4} collisionPadding={8} className={sheet}>
          {items.map((item, index) =>
            item === null ? (
              <DropdownMenu.Separator key={index} className="my-1 h-px bg-line" />
            ) : (
              <DropdownMenu.Item
                key={index}
                disabled={item.isDisabled === true}
                onSelect={item.onSelect}
                className={classNames(row, item.isDanger && 'text-danger')}
              >
                {item.label}
                {item.shortcut !== undefined && <kbd className="ml-auto">{item.shortcut}</kbd>}
              </DropdownMenu.Item>
            ),
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
