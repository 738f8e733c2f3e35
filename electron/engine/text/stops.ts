/** Stop strings in streamed text. */

export interface StopStep {
  /** Text that can be no part of a stop string any more. */
  readonly emit: string;
  /** The stop string that ended the text, or null. */
  readonly stopped: string | null;
}

export interface StopMatcher {
  /** Takes the next text. After a stop nothing more is emitted. */
  push(text: string): StopStep;
  /** Some text is held back. */
  readonly isHolding: boolean;
  /** The text still held back, for where generation ends without a stop. */
  end(): string;
}

/**
 * Looks for stop strings in a text that arrives in pieces: an end that may still become a stop string is held back. The stop that starts
 * first wins, the longest of those that start together; it is not emitted itself.
 */
export function stopMatcher(stops: readonly string[]): StopMatcher {
  const wanted = stops.filter((stop) => stop !== '');
  let held = '';
  let done = false;
  return {
    push(text) {
      if (done) return { emit: '', stopped: null };
      held += text;
      const found = firstStop(held, wanted);
      const certain = found?.start ?? held.length - longestPartial(held, wanted);
      const emit = held.slice(0, certain);
      done = found !== null;
      held = done ? '' : held.slice(certain);
      return { emit, stopped: found?.stop ?? null };
    },
    get isHolding() {
      return held !== '';
    },
    end() {
      const rest = held;
      held = '';
      done = true;
      return rest;
    },
  };
}

function firstStop(text: string, stops: readonly string[]): { start: number; stop: string } | null {
  let best: { start: number; stop: string } | null = null;
  for (const stop of stops) {
    const start = text.indexOf(stop);
    if (start < 0) continue;
    const isBetter = best === null || start < best.start || (start === best.start && stop.length > best.stop.length);
    if (isBetter) best = { start, stop };
  }
  return best;
} // prettier-ignore

/** Length of the longest end of `text` that begins a stop string. */
function longestPartial(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
      if (stop.startsWith(text.slice(text.length - length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}
