import { useEffect, useState } from 'react';
import type * as math from './math.ts';

type MathPlugins = typeof math;

let loaded: MathPlugins | null = null;

export async function loadMath(): Promise<MathPlugins> {
  loaded ??= await import('./math.ts');
  return loaded;
}

/** The plugins for formulas once they are there; loads them when `isNeeded`. */
export function useMath(isNeeded: boolean): MathPlugins | null {
  const [plugins, setPlugins] = useState(loaded);
  useEffect(() => {
    if (!isNeeded || plugins) return;
    let isShown = true;
    loadMath().then(
      (module) => {
        if (isShown) setPlugins(module);
      },
      // It stays as it was written; the next formula tries again.
      () => undefined,
    );
    return () => {
      isShown = false;
    };
  }, [isNeeded, plugins]);
  return isNeeded ? plugins : null;
}
