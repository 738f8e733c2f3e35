import { highlighter } from './highlighter.ts';
import { loadMath } from './use-math.ts';

/** Each is evaluated in a turn of its own. */
const steps: readonly (() => Promise<unknown>)[] = [
  () => import('katex'),
  loadMath,
  () => Promise.resolve(highlighter.start()),
];

/** Not every browser tells when it is idle. */
const laterMs = 500;
const whenIdle: (run: () => void) => unknown =
  typeof requestIdleCallback === 'function' ? requestIdleCallback : (run) => setTimeout(run, laterMs);

/**
 * Loads what formulas and listings need while the page has nothing else to do: in the middle of a reply that would hold it up. Returns how
 * to leave it.
 */
export function warmUp(): () => void {
  let isLeft = false;
  const next = async (step: number) => {
    await steps[step]?.().catch(() => undefined);
    if (step + 1 < steps.length) plan(step + 1);
  };
  const plan = (step: number) => whenIdle(() => void (isLeft || next(step)));
  plan(0);
  return () => {
    isLeft = true;
  };
}
