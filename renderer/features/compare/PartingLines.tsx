import { useLayoutEffect, useRef, useState } from 'react';
import type { CompareForced } from '../../../electron/contract/compare.ts';

interface Line {
  readonly from: number;
  readonly to: number;
  readonly y: number;
}

/** Lines from where a variant parts to the same token of the reference: all columns wrap the same words at the same width, so that they are level. */
export function PartingLines({ forced }: { readonly forced: CompareForced }) {
  const drawing = useRef<SVGSVGElement>(null);
  const [lines, setLines] = useState<readonly Line[]>([]);
  useLayoutEffect(() => {
    const element = drawing.current?.parentElement;
    if (!element) return undefined;
    const measure = () => setLines(linesIn(element, forced));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [forced]);
  return (
    <svg ref={drawing} aria-hidden="true" className="pointer-events-none absolute inset-0 size-full">
      {lines.map(({ from, to, y }, index) => (
        <g key={index} className="fill-accent stroke-accent">
          <path d={`M${from} ${y}H${to}`} fill="none" />
          <circle cx={from} cy={y} r="2" />
          <circle cx={to} cy={y} r="2" />
        </g>
      ))}
    </svg>
  );
}

function linesIn(grid: HTMLElement, { variants }: CompareForced): Line[] {
  const origin = grid.getBoundingClientRect();
  const wordOf = (column: number, token: number) => {
    const list = grid.querySelector(`[data-tokens="${column}"]`);
    return [...(list?.querySelectorAll(`[data-token="${token}"] > span`)[0]?.getClientRects() ?? [])].at(-1);
  };
  return variants.flatMap(({ firstDivergence }, index) => {
    if (firstDivergence === null) return [];
    const [own, other] = [wordOf(0, firstDivergence), wordOf(index + 1, firstDivergence)];
    if (!own || !other) return [];
    const y = Math.round(own.bottom - origin.top + 2) + 0.5;
    return [{ from: own.left - origin.left, to: other.left - origin.left, y }];
  });
}
