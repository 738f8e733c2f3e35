import type { ReactNode } from 'react';

/** The bar above a screen: its title, what is shown, and what can be done. */
export function ScreenHead({
  title,
  about,
  children,
}: {
  readonly title: string;
  readonly about: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <header className="flex h-(--bar) min-w-0 items-center gap-3 border-b border-line px-4 whitespace-nowrap">
      <h1 className="shrink-0 text-3 font-strong">{title}</h1>
      <span className="truncate text-1 text-text-muted">{about}</span>
      <span className="ml-auto flex shrink-0 items-center gap-2">{children}</span>
    </header>
  );
}
