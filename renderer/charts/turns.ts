/**
 * Redraws live charts in turn: one in an animation frame, each at most five times a second, none that nobody sees. So that a page with many
 * charts never draws them all in one task.
 */
export interface Turn {
  /** What is drawn is no longer what there is. */
  readonly invalidate: () => void;
  readonly remove: () => void;
}

export interface Drawing {
  /** For measurements, as `chart <name>` of the page's user timing. */
  readonly name: string;
  draw(): void;
  isVisible(): boolean;
}

/** What the turns need of a page. */
export interface Frames {
  request(callback: () => void): void;
  after(ms: number, callback: () => void): void;
  now(): number;
  isHidden(): boolean;
  onShown(callback: () => void): void;
}

export const shortestIntervalMs = 200;

interface Entry {
  readonly drawing: Drawing;
  isStale: boolean;
  drawnAt: number;
}

export class DrawingTurns {
  readonly #frames: Frames;
  /** In the order of their turns: who was drawn goes to the end. */
  #entries: Entry[] = [];
  #isWaiting = false;

  constructor(frames: Frames) {
    this.#frames = frames;
    frames.onShown(() => this.#wait());
  }

  add(drawing: Drawing): Turn {
    const entry: Entry = { drawing, isStale: true, drawnAt: -Infinity };
    this.#entries.push(entry);
    this.#wait();
    return {
      invalidate: () => {
        entry.isStale = true;
        this.#wait();
      },
      remove: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  }

  #wait(): void {
    const due = this.#dueIn();
    if (this.#isWaiting || due === null) return;
    this.#isWaiting = true;
    const onFrame = () => {
      this.#isWaiting = false;
      this.#drawNext();
      this.#wait();
    };
    if (due <= 0) this.#frames.request(onFrame);
    else this.#frames.after(due, () => this.#frames.request(onFrame));
  }

  /** Milliseconds until a chart may be drawn; null: none wants to be. */
  #dueIn(): number | null {
    if (this.#frames.isHidden()) return null;
    const now = this.#frames.now();
    const waits = this.#wanting().map(({ drawnAt }) => drawnAt + shortestIntervalMs - now);
    return waits.length === 0 ? null : Math.min(...waits);
  }

  #wanting(): Entry[] {
    return this.#entries.filter(({ isStale, drawing }) => isStale && drawing.isVisible());
  }

  #drawNext(): void {
    if (this.#frames.isHidden()) return;
    const now = this.#frames.now();
    const entry = this.#wanting().find(({ drawnAt }) => now - drawnAt >= shortestIntervalMs);
    if (!entry) return;
    entry.isStale = false;
    entry.drawnAt = now;
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
    measured(entry.drawing);
  }
}

/** Observers of user timing see each redraw; the page keeps none of the entries. */
function measured(drawing: Drawing): void {
  const name = `chart ${drawing.name}`;
  const start = performance.now();
  drawing.draw();
  performance.measure(name, { start, end: performance.now() });
  performance.clearMeasures(name);
}

/** The frames of this page. */
export function pageFrames(): Frames {
  return {
    request: (callback) => requestAnimationFrame(callback),
    after: (ms, callback) => setTimeout(callback, ms),
    now: () => performance.now(),
    isHidden: () => document.hidden,
    onShown: (callback) =>
      document.addEventListener('visibilitychange', () => {
        if (!document.hidden) callback();
      }),
  };
}
