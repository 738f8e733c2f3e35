import { classNames } from '../ui/class-names.ts';

/** The outline of bars that fill a box of 1 × 1 from the left; the highest reaches the top. */
export function histogramPath(counts: readonly number[]): string {
  const most = Math.max(...counts, 1);
  const width = 1 / counts.length;
  return counts
    .flatMap((count, bin) =>
      count === 0
        ? []
        : // A bin with little in it is still seen.
          [`M${bin * width} 1V${1 - Math.max(count / most, 0.015)}H${(bin + 1) * width}V1`],
    )
    .join('');
}

/** How often values lie in bins of equal width. Nothing but the bars: what stands around them says what they are. */
export function Histogram({
  counts,
  marked = null,
  className,
}: {
  readonly counts: readonly number[];
  /** The bin that is pointed at. */
  readonly marked?: number | null;
  readonly className?: string;
}) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 1 1"
      preserveAspectRatio="none"
      className={classNames('block', className)}
    >
      {marked !== null && (
        <rect
          x={marked / counts.length}
          y="0"
          width={1 / counts.length}
          height="1"
          className="fill-surface-selected"
        />
      )}
      <path d={histogramPath(counts)} className="fill-mem-cache" />
    </svg>
  );
}
