/** A canvas that is as large as its place, in the pixels of the screen. */
import type { Size } from './draw-chart.ts';

/** Sets the canvas to `size` CSS pixels, and draws; nothing where it has no room or the page has no canvas. */
export function drawOn(
  canvas: HTMLCanvasElement,
  size: Size,
  draw: (context: CanvasRenderingContext2D, size: Size) => void,
): void {
  const context = canvas.getContext('2d');
  if (!context || size.width <= 0 || size.height <= 0) return;
  const ratio = devicePixelRatio || 1;
  const width = Math.round(size.width * ratio);
  const height = Math.round(size.height * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw(context, size);
}
