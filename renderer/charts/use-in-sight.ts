import { useCallback, useState } from 'react';

/** Whether any of an element is on the screen. */
export function useInSight(): [
  ref: (element: HTMLElement | null) => (() => void) | undefined,
  isInSight: boolean,
] {
  const [isInSight, setIsInSight] = useState(false);
  const ref = useCallback((element: HTMLElement | null) => {
    if (!element) return undefined;
    const observer = new IntersectionObserver((entries) =>
      setIsInSight((before) => entries.at(-1)?.isIntersecting ?? before),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, isInSight];
}
