import { useEffect, useRef, useState } from 'react';
import type { Draw } from './picture.ts';
import { pageTheme } from './theme.ts';
import { useDrawing } from './use-drawing.ts';

/** A drawing that changes only with what it shows. `label` says what is to be seen; the same numbers are in a table. */
export function StaticChart({
  name,
  label,
  draw,
  className,
}: {
  readonly name: string;
  readonly label: string;
  /** Another function: it is drawn again. */
  readonly draw: Draw;
  readonly className?: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const listeners = useRef(new Set<() => void>());
  const [onChange] = useState(() => (listener: () => void) => {
    listeners.current.add(listener);
    return () => listeners.current.delete(listener);
  });
  useDrawing(place, canvas, {
    name,
    onChange,
    update: () => undefined,
    draw: (context, size) => draw(context, size, pageTheme.current),
  });
  useEffect(() => {
    for (const listener of listeners.current) listener();
  }, [draw]);
  return (
    <div ref={place} className={`relative min-h-0 min-w-0 ${className ?? ''}`}>
      <canvas ref={canvas} role="img" aria-label={label} className="absolute inset-0 size-full" />
    </div>
  );
}
