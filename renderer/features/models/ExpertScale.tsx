import { sequentialRoles } from '../../charts/draw-heatmap.ts';
import { formatNumber } from '../../ui/format.ts';
import { topShare, type ExpertMap, type ExpertView } from './expert-map.ts';

const names: Readonly<Record<ExpertView, string>> = {
  use: 'share of the latest tokens',
  cache: 'weights',
  misses: 'share of the latest tokens that had to read it',
};

/** What the colours of the map stand for. */
export function ExpertScale({ map, view }: { readonly map: ExpertMap; readonly view: ExpertView }) {
  const top = topShare(map);
  return (
    <p className="flex items-center gap-2 pt-1 text-1 whitespace-nowrap text-text-muted">
      <span>{names[view]}</span>
      {view === 'cache' ? (
        <>
          <Swatch role="--mem-cache" />
          <span>in memory</span>
          <Swatch role="--surface-sunken" />
          <span>in flash</span>
        </>
      ) : (
        <>
          <span>0</span>
          <span aria-hidden="true" className="flex h-2 w-30">
            {sequentialRoles.map((role) => (
              <i key={role} className="flex-1" style={{ background: `var(${role})` }} />
            ))}
          </span>
          <span>{top < 1 ? `≥ ${formatNumber(top * 100)} %` : '100 %'}</span>
        </>
      )}
    </p>
  );
}

function Swatch({ role }: { readonly role: string }) {
  return (
    <i
      aria-hidden="true"
      className="size-2 rounded-[1px] inset-ring inset-ring-line-strong"
      style={{ background: `var(${role})` }}
    />
  );
}
