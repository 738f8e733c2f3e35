/** A drawing as a PNG, on the page's ground. */
import type { Size } from './draw-chart.ts';
import type { Theme } from './theme.ts';

/** Draws into a context that begins at 0, 0 and has this size, in CSS pixels. */
export type Draw = (context: CanvasRenderingContext2D, size: Size, theme: Theme) => void;

/** Pixels of the picture for each CSS pixel. */
const scale = 2;

/** Rejects where the page has no canvas. */
export async function pictureOf(size: Size, theme: Theme, draw: Draw): Promise<Blob> {
  const drawn = canvasOf(size);
  draw(contextOf(drawn), size, theme);
  const whole = canvasOf(size);
  const context = contextOf(whole);
  context.fillStyle = theme.colour('--surface-raised');
  context.fillRect(0, 0, size.width, size.height);
  // Drawings clear what they draw on: the ground is put under them.
  context.drawImage(drawn, 0, 0, size.width, size.height);
  return new Promise((resolve, reject) =>
    whole.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.')))),
  );
}

/** Draws a part of a picture in its own place. */
export function drawPart(
  context: CanvasRenderingContext2D,
  { left, top, size }: { readonly left: number; readonly top: number; readonly size: Size },
  draw: (context: CanvasRenderingContext2D, size: Size) => void,
): void {
  context.save();
  context.translate(left, top);
  draw(context, size);
  context.restore();
}

function canvasOf({ width, height }: Size): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  return canvas;
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This page has no canvas.');
  context.scale(scale, scale);
  return context;
}
