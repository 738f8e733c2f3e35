import { useEffect, useRef, useState, type RefObject } from 'react';

/** How near the end, in pixels, counts as at the end. */
const nearEnd = 48;

export interface AutoScroll {
  /** The element that scrolls. */
  readonly outer: RefObject<HTMLDivElement | null>;
  /** Its content, which grows. */
  readonly inner: RefObject<HTMLDivElement | null>;
  /** Whether the end is followed as the content grows. */
  readonly isFollowing: boolean;
  readonly follow: () => void;
}

/** Keeps the end in sight while the content grows, until a person scrolls away from it; back at the end it goes on. */
export function useAutoScroll(): AutoScroll {
  const outer = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [isFollowing, setFollowing] = useState(true);
  useEffect(() => {
    const scrolled = outer.current;
    const content = inner.current;
    if (!scrolled || !content) return;
    let lastTop = scrolled.scrollTop;
    const set = (value: boolean) => {
      following.current = value;
      setFollowing(value);
    };
    const scroll = () => {
      const { scrollTop, scrollHeight, clientHeight } = scrolled;
      if (scrollHeight - scrollTop - clientHeight <= nearEnd) set(true);
      // Only a person scrolls up; content that grows leaves the place as it is.
      else if (scrollTop < lastTop) set(false);
      lastTop = scrollTop;
    };
    const grow = new ResizeObserver(() => {
      if (following.current) scrolled.scrollTop = scrolled.scrollHeight;
    });
    grow.observe(content);
    grow.observe(scrolled);
    scrolled.addEventListener('scroll', scroll, { passive: true });
    return () => {
      grow.disconnect();
      scrolled.removeEventListener('scroll', scroll);
    };
  }, []);
  const follow = () => {
    following.current = true;
    setFollowing(true);
    if (outer.current) outer.current.scrollTop = outer.current.scrollHeight;
  };
  return { outer, inner, isFollowing, follow };
}
