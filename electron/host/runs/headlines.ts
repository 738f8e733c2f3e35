/** What a list shows of a run: what it was, and its most telling numbers. */
import { z } from 'zod';
import { CompareResult, type Headline } from '../../contract/compare.ts';
import { comparisonTitle } from '../../contract/compare-labels.ts';
import { BenchResult, PerplexityResult } from '../../contract/lab-results.ts';
import { Timing } from '../../contract/reply.ts';
import type { Run } from '../../contract/host-contract.ts';

type Shown = Pick<Run, 'kind' | 'modelName' | 'settings' | 'figures'>;

const Against = z.object({ reference: z.object({ name: z.string() }).nullable() });
const Labels = z.object({ columns: z.array(z.object({ label: z.string() })) });

export function titleOf({ kind, modelName, settings, figures }: Shown): string {
  if (kind === 'compare') {
    const columns = Labels.safeParse(figures).data?.columns;
    return columns ? comparisonTitle(columns.map(({ label }) => label)) : modelName;
  }
  const against = Against.safeParse(settings).data?.reference;
  return against ? `${modelName} against ${against.name}` : modelName;
}

/** None where the record has other figures, as one of an older Retort may. */
export function headlinesOf({ kind, figures }: Shown): Headline[] {
  switch (kind) {
    case 'generate':
      return ofGenerate(figures);
    case 'bench':
      return ofBench(figures);
    case 'perplexity':
      return ofPerplexity(figures);
    case 'compare':
      return ofCompare(figures);
    case 'logits':
      return [];
  }
}

const speed = (name: string, value: number): Headline => ({ name, value, unit: 'tokens/s' });
const figure = (name: string, value: number, unit = ''): Headline => ({ name, value, unit });

function ofGenerate(figures: unknown): Headline[] {
  const timing = z.object({ timing: Timing }).safeParse(figures).data?.timing;
  return timing
    ? [speed('decode', timing.decodeTokensPerSecond), speed('prefill', timing.prefillTokensPerSecond)]
    : [];
}

function ofBench(figures: unknown): Headline[] {
  const data = BenchResult.pick({ prefill: true, decode: true }).strip().safeParse(figures).data;
  if (!data) return [];
  const { decode, prefill } = data;
  return [speed('decode', decode.tokensPerSecond.median), speed('prefill', prefill.tokensPerSecond.median)];
}

function ofPerplexity(figures: unknown): Headline[] {
  const data = PerplexityResult.safeParse(figures).data;
  if (!data) return [];
  return [
    figure('perplexity', data.perplexity),
    ...(data.kl ? [figure('mean KL', data.kl.mean, 'nats')] : []),
  ];
}

/** The largest divergence of the variants: on the text where there is one, else on the reply. */
function ofCompare(figures: unknown): Headline[] {
  const data = CompareResult.safeParse(figures).data;
  if (!data) return [];
  const onText = data.quality?.columns.flatMap(({ kl }) => (kl ? [kl.mean.value] : []));
  const divergences = onText ?? data.forced.variants.map(({ meanKl }) => meanKl);
  return [
    figure('variants', data.columns.length),
    figure('largest mean KL', Math.max(0, ...divergences), 'nats'),
  ];
}
