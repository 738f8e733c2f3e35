import type { ReactNode } from 'react';

/** Nothing is here: why, and the button that changes it. */
export function EmptyState({
  title,
  children,
  actions,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}) {
  return (
    <div className="grid justify-items-center gap-2 p-8 text-center text-text-muted">
      <svg width="96" height="40" aria-hidden="true" className="text-line-strong">
        <path d="M0 39.500h96" stroke="currentColor" />
        <path
          d="M4 39V30M12 39V24M20 39V31M28 39V18M36 39V28M44 39V22M52 39V30M60 39V26M68 39V30M76 39V20M84 39V30M92 39V27"
          stroke="currentColor"
          strokeWidth="5"
        />
      </svg>
      <h2 className="text-3 font-strong text-text">{title}</h2>
      {children !== undefined && <div className="max-w-90">{children}</div>}
      {actions !== undefined && <div className="mt-1 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}
