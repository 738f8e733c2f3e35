/** Text on a canvas. */

export interface TextPlace {
  readonly x: number;
  readonly y: number;
  readonly align?: CanvasTextAlign;
  readonly baseline?: CanvasTextBaseline;
  /** Cut off with … where it is wider, in CSS pixels. */
  readonly width?: number;
}

export function writeText(context: CanvasRenderingContext2D, text: string, place: TextPlace): void {
  const { x, y, align = 'left', baseline = 'alphabetic', width = Infinity } = place;
  context.textAlign = align;
  context.textBaseline = baseline;
  context.fillText(cut(context, text, width), x, y);
}

function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (width === Infinity || context.measureText(text).width <= width) return text;
  let length = text.length - 1;
  while (length > 0 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}
