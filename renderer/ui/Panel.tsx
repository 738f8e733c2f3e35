import { useId, type ReactNode } from 'react';
import { classNames } from './class-names.ts';

/** A part of a screen: a line around it and a heading, no boxes in boxes. */
export function Panel({
  title,
  aside,
  note,
  children,
  className,
}: {
  readonly title: ReactNode;
  /** In the heading, after the title. */
  readonly aside?: ReactNode;
  /** Beneath a line at the bottom. */
  readonly note?: ReactNode;
  readonly children: ReactNode;
  readonly className?: string;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={id}
      className={classNames(
        'flex min-h-0 min-w-0 flex-col rounded-2 border border-line bg-surface-raised',
        className,
      )}
    >
      <header className="flex min-h-9 flex-wrap items-center gap-x-2 px-3 py-2">
        <h2 id={id} className="font-strong whitespace-nowrap">
          {title}
        </h2>
        {aside}
      </header>
      {children}
      {note !== undefined && <div className="mt-auto border-t border-line px-3 py-2">{note}</div>}
    </section>
  );
}
