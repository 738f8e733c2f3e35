import { useMemo } from 'react';
import { ChartPanel } from '../../charts/ChartPanel.tsx';
import { barsHeight, drawBars, type BarGroup } from '../../charts/draw-bars.ts';
import { drawPart, type Draw } from '../../charts/picture.ts';
import { StaticChart } from '../../charts/StaticChart.tsx';
import { useWidth } from '../../charts/use-extent.ts';
import { barGroups, barTable, type Comparison } from './result.ts';

const besideFrom = 600;
const between = 24;

/** Groups beneath each other, or beside where there is room. */
export function drawSpeed(groups: readonly BarGroup[]): Draw {
  return (context, size, theme) => {
    if (size.width < besideFrom) return drawBars(context, size, groups, theme);
    context.clearRect(0, 0, size.width, size.height);
    const width = (size.width - between * (groups.length - 1)) / groups.length;
    groups.forEach((group, index) => {
      const place = { left: index * (width + between), top: 0, size: { width, height: size.height } };
      drawPart(context, place, (part, own) => drawBars(part, own, [group], theme));
    });
  };
}

/** Each by itself, on the same prompt. */
export function SpeedPanel({
  comparison,
  fileName,
  className,
}: {
  readonly comparison: Comparison;
  readonly fileName: string;
  readonly className: string;
}) {
  const groups = useMemo(() => barGroups(comparison), [comparison]);
  const draw = useMemo(() => drawSpeed(groups), [groups]);
  const [measured, width] = useWidth();
  const height = barsHeight(groups);
  const label = groups
    .map(({ name, bars }) => `${name}: ${bars.map((bar) => `${bar.name} ${bar.text}`).join(', ')}`)
    .join('; ');
  return (
    <ChartPanel
      title="Speed and memory"
      fileName={`${fileName}-speed`}
      className={className}
      table={barTable(comparison)}
      picture={{ size: { width: 400, height }, draw }}
      aside={<span className="text-1 text-text-muted">measured in turn</span>}
    >
      <div ref={measured} className="px-3 pb-2">
        <div style={{ height: width < besideFrom ? height : barsHeight(groups.slice(0, 1)) }}>
          <StaticChart name="speed and memory" label={label} draw={draw} className="h-full" />
        </div>
      </div>
    </ChartPanel>
  );
}
