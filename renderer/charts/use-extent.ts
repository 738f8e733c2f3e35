import { useCallback, useState } from 'react';

type Measured = [ref: (element: HTMLElement | null) => (() => void) | undefined, extent: number];

function useExtent(name: 'clientWidth' | 'clientHeight'): Measured {
  const [extent, setExtent] = useState(0);
  const ref = useCallback(
    (element: HTMLElement | null) => {
      if (!element) return undefined;
      const observer = new ResizeObserver(() => setExtent(element[name]));
      observer.observe(element);
      return () => observer.disconnect();
    },
    [name],
  );
  return [ref, extent];
}

/** The width of an element in CSS pixels, kept current; 0 before it was measured. */
export const useWidth = (): Measured => useExtent('clientWidth');

/** Its height alike. */
export const useHeight = (): Measured => useExtent('clientHeight');
