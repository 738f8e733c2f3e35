import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';
import { classNames } from './class-names.ts';

/**
 * The browser's own modal dialog: it keeps the focus inside, makes the rest inert and gives the focus back. Esc and a press beside it close
 * it. It is there while it is rendered. The focus begins at what is marked with data-first-focus, else at the first control.
 */
export function Dialog({
  title,
  children,
  footer,
  onClose,
  width = 'normal',
}: {
  readonly title: string;
  readonly children: ReactNode;
  /** Buttons; the one that is safe to press first in the tab order comes first. */
  readonly footer?: ReactNode;
  readonly onClose: () => void;
  readonly width?: 'normal' | 'wide';
}) {
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  // Not an effect after painting: that one would close it when it has left the page, too late to give the focus back.
  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
    dialog?.querySelector<HTMLElement>('[data-first-focus]')?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault(); // it closes by not being rendered
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === element.current) onClose();
      }}
      className={classNames(
        'm-auto max-h-[calc(100vh-64px)] flex-col rounded-2 border border-line-strong bg-surface-raised p-0 text-text shadow-float backdrop:bg-scrim open:flex focus-visible:shadow-float',
        width === 'wide' ? 'w-160' : 'w-105',
      )}
    >
      <h2 id={id} className="px-4 pt-3 text-3 font-strong">
        {title}
      </h2>
      <div className="scrollable min-h-0 px-4 pt-1 pb-3">{children}</div>
      {footer !== undefined && (
        <div className="flex items-center justify-end gap-2 border-t border-line px-4 py-3">{footer}</div>
      )}
    </dialog>
  );
}
