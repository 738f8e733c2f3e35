import { sequentialRoles } from '../../charts/draw-heatmap.ts';
import { topKl, topSurprise, type TokenTint } from './tokens.ts';

/** What a token's colour stands for. */
export function TintLegend({ tint }: { readonly tint: TokenTint }) {
  const [low, high] = tint === 'kl' ? ['KL 0', `≥ ${topKl} nats`] : ['surprise 0', `≥ ${topSurprise} bits`];
  return <Scale low={low} high={high} />;
}

/** The ten steps of the sequential scale with its ends. */
export function Scale({ low, high }: { readonly low: string; readonly high: string }) {
  return (
    <span className="inline-flex shrink-0 items-center gap-1 text-1 text-text-muted">
      {low}
      <span aria-hidden="true" className="inline-flex h-2">
        {sequentialRoles.map((role) => (
          <i key={role} className="w-3" style={{ background: `var(${role})` }} />
        ))}
      </span>
      {high}
    </span>
  );
}
