import { useWidth } from '../../charts/use-extent.ts';
import { klBars } from './tokens.ts';

const height = 28;
const narrowest = 2;

/** KL token by token as bars, 0 to 1 nat; the first divergence in the accent colour. */
export function KlStrip({
  kls,
  parting,
}: {
  readonly kls: readonly number[];
  readonly parting: number | null;
}) {
  const [measured, width] = useWidth();
  const { heights, perBar } = klBars(kls, Math.floor(width / narrowest));
  const pitch = heights.length > 0 ? Math.min(8, width / heights.length) : 0;
  const marked = parting === null ? -1 : Math.floor(parting / perBar);
  return (
    <div ref={measured} style={{ height: height + 1 }} className="overflow-hidden border-b border-axis">
      <svg width={width} height={height} aria-hidden="true">
        {heights.map((share, bar) => (
          <rect
            key={bar}
            x={bar * pitch}
            y={height - share * height}
            width={Math.max(1, pitch - 0.6)}
            height={share * height}
            className={bar === marked ? 'fill-accent' : 'fill-text-muted'}
          />
        ))}
      </svg>
    </div>
  );
}
