/** Where the window was, kept in a file of the data folder. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const Rectangle = z.object({ x: z.int(), y: z.int(), width: z.int(), height: z.int() });
export type Rectangle = z.infer<typeof Rectangle>;

const WindowState = z.object({ bounds: Rectangle, isMaximized: z.boolean() });
export type WindowState = z.infer<typeof WindowState>;

export const smallest = { width: 800, height: 560 };
const usual = { width: 1280, height: 800 };
/** So much of the title bar must lie on a display that the window can be dragged. */
const grip = { width: 100, height: 40 };

/** Null where there is none or it is damaged. */
export function readWindowState(file: string): WindowState | null {
  try {
    return WindowState.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/** Whole at every moment: written beside and renamed. The window's place is not worth an error. */
export function writeWindowState(file: string, state: WindowState): void {
  const partial = `${file}.partial`;
  try {
    writeFileSync(partial, JSON.stringify(state));
    renameSync(partial, file);
  } catch {
    rmSync(partial, { force: true });
  }
}

/** Bounds that can be seen and reached on one of the displays' work areas; without x and y: in the middle of the first. */
export function reachableBounds(
  state: WindowState | null,
  displays: readonly Rectangle[],
): Partial<Rectangle> & { width: number; height: number } {
  const wanted = state?.bounds;
  const home = wanted && displays.find((display) => isReachable(wanted, display));
  const area = home ?? displays[0] ?? { x: 0, y: 0, ...usual };
  const size = {
    width: Math.max(smallest.width, Math.min(wanted?.width ?? usual.width, area.width)),
    height: Math.max(smallest.height, Math.min(wanted?.height ?? usual.height, area.height)),
  };
  return home && wanted ? { x: wanted.x, y: wanted.y, ...size } : size;
}

function isReachable(window: Rectangle, display: Rectangle): boolean {
  const shared = Math.min(window.x + window.width, display.x + display.width) - Math.max(window.x, display.x);
  const isTitleInside = window.y >= display.y && window.y + grip.height <= display.y + display.height;
  return shared >= grip.width && isTitleInside;
}
