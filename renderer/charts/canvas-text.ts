/** Text on a canvas. */

export interface TextPlace {
  readonly x: number;
  readonly y: number;
  readonly align?: CanvasTextAlign;
  readonly baseline?: CanvasTextBaseline;
  /** Cut off with … where it is wider, in CSS pixels. */
  readonly width?: number;
}

/** `halo`: a colour around the letters, where they may lie on lines. */
export function writeText(
  context: CanvasRenderingContext2D,
  text: string,
  place: TextPlace,
  halo?: string,
): void {
  const { x, y, align = 'left', baseline = 'alphabetic', width = Infinity } = place;
  context.textAlign = align;
  context.textBaseline = baseline;
  const shown = cut(context, text, width);
  if (halo !== undefined) {
    context.strokeStyle = halo;
    context.lineWidth = 4;
    context.lineJoin = 'round';
    context.strokeText(shown, x, y);
  }
  context.fillText(shown, x, y);
}

function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (width === Infinity || context.measureText(text).width <= width) return text;
  let length = text.length - 1;
  while (length > 0 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}
