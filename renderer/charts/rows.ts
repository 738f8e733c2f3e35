/** Which rows of a long list are in sight; all rows are equally high. */
import { useCallback, useState, type UIEvent } from 'react';

export interface RowWindow {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/** Drawn beyond what is in sight, so that a scroll by keyboard shows no gap. */
const marginRows = 8;

export function rowWindow(rowCount: number, rowHeight: number, scrollTop: number, height: number): RowWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - marginRows);
  const end = Math.min(rowCount, Math.ceil((scrollTop + height) / rowHeight) + marginRows);
  return { first: Math.min(first, end), end };
}

/** Before the element was measured: enough for a tall screen. */
const unmeasuredHeight = 1200;

export function useRowWindow(rowCount: number, rowHeight: number) {
  const [place, setPlace] = useState({ scrollTop: 0, height: unmeasuredHeight });
  const measure = useCallback((element: HTMLElement) => {
    const { scrollTop, clientHeight } = element;
    setPlace({ scrollTop, height: clientHeight > 0 ? clientHeight : unmeasuredHeight });
  }, []);
  const ref = useCallback(
    (element: HTMLElement | null) => {
      if (!element) return;
      const observer = new ResizeObserver(() => measure(element));
      observer.observe(element);
      return () => observer.disconnect();
    },
    [measure],
  );
  const onScroll = useCallback((event: UIEvent<HTMLElement>) => measure(event.currentTarget), [measure]);
  return { ref, onScroll, ...rowWindow(rowCount, rowHeight, place.scrollTop, place.height) };
}
