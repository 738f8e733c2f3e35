/** Joins a canvas with the turns: redrawn when told so, when its size or the theme changes and when it comes into sight. */
import { useEffect, useRef, type RefObject } from 'react';
import { drawOn } from './canvas.ts';
import type { Size } from './draw-chart.ts';
import { liveTurns } from './live-turns.ts';
import { pageTheme } from './theme.ts';

export interface DrawingOptions {
  readonly name: string;
  /** Tells when there is something new; returns how to stop listening. */
  readonly onChange: (listener: () => void) => () => void;
  /** Before each drawing, also where the canvas is not shown. */
  readonly update: () => void;
  readonly draw: (context: CanvasRenderingContext2D, size: Size) => void;
}

/** `place` holds the canvas and gives it its size. Options may change with each rendering; the latest are used. */
export function useDrawing(
  place: RefObject<HTMLElement | null>,
  canvas: RefObject<HTMLCanvasElement | null>,
  options: DrawingOptions,
): void {
  const latest = useRef(options);
  const { name, onChange } = options;
  useEffect(() => {
    latest.current = options;
  });
  useEffect(() => {
    let isInSight = true;
    const turn = liveTurns.add({
      name,
      isVisible: () => isInSight,
      draw: () => {
        latest.current.update();
        if (!canvas.current || !place.current) return;
        const { clientWidth: width, clientHeight: height } = place.current;
        drawOn(canvas.current, { width, height }, latest.current.draw);
      },
    });
    const sight = new IntersectionObserver((entries) => {
      isInSight = entries.at(-1)?.isIntersecting ?? true;
      turn.invalidate();
    });
    const size = new ResizeObserver(() => turn.invalidate());
    if (place.current) {
      sight.observe(place.current);
      size.observe(place.current);
    }
    const stops = [onChange(turn.invalidate), pageTheme.onChange(turn.invalidate)];
    return () => {
      for (const stop of stops) stop();
      sight.disconnect();
      size.disconnect();
      turn.remove();
    };
  }, [name, onChange, place, canvas]);
}
