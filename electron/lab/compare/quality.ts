/** How well models predict a text, and how far they are from the first of them: all read it window by window in lock-step. */
import type {
  CompareQuality,
  ModelScores,
  QualityColumn,
  WindowScores,
} from '../../contract/compare-figures.ts';
import type { Engine } from '../../engine/engine.ts';
import type { LabHooks } from '../bench.ts';
import { windowsOf } from '../perplexity.ts';
import { distribution } from '../spread.ts';
import { scoreWindow } from '../window-scores.ts';
import { mapInterval, meanInterval } from './intervals.ts';

export interface QualityText {
  readonly ids: readonly number[];
  readonly context: number;
  /** Those that were read before. */
  readonly windows: readonly WindowScores[];
}

export interface QualityHooks extends LabHooks {
  /** A window is done; what comes of all so far is made when it is asked for. */
  onWindow(index: number, scores: WindowScores, quality: () => CompareQuality): Promise<void>;
}

/** Throws `bad-request` where the ids do not fill one window, `cancelled`, `invalid-numbers`, and what the engines throw. */
export async function measureQuality(
  engines: readonly Engine[],
  { ids, context, windows: before }: QualityText,
  hooks: QualityHooks,
): Promise<CompareQuality> {
  const windows = windowsOf(ids, context);
  const scores = before.slice(0, windows.length);
  for (let index = scores.length; index < windows.length; index++) {
    const report = (tokens: number) =>
      hooks.onProgress({ phase: 'text', done: index * context + tokens, total: windows.length * context });
    const window = await scoreWindow(engines, windows[index]!, 1, { signal: hooks.signal, report });
    scores.push(window);
    await hooks.onWindow(index, window, () => qualityOf(scores, context));
  }
  return qualityOf(scores, context);
}

/** In the order of the windows: a comparison that went on from some of them has the same bits. */
export function qualityOf(windows: readonly WindowScores[], context: number): CompareQuality {
  const columns = (windows[0] ?? []).map((_, model) =>
    columnOf(
      windows.map((window) => window[model]!),
      model > 0,
    ),
  );
  const tokens = windows.reduce(
    (sum, [reference]) => sum + (reference?.negativeLogProbability.length ?? 0),
    0,
  );
  return { context, windows: windows.length, tokens, columns };
}

function columnOf(windows: readonly ModelScores[], isVariant: boolean): QualityColumn {
  const loss = meanInterval(windows.map(({ negativeLogProbability }) => negativeLogProbability));
  const perplexity = mapInterval(loss, Math.exp);
  if (!isVariant) return { perplexity, kl: null, topOneAgreement: null };
  const divergences = windows.map(({ divergence }) => divergence);
  const { median, p99, max } = distribution(divergences.flat());
  const within = (low: number, high: number) => (value: number) => Math.min(high, Math.max(low, value));
  return {
    perplexity,
    kl: { mean: mapInterval(meanInterval(divergences), within(0, Infinity)), median, p99, max },
    topOneAgreement: mapInterval(meanInterval(windows.map(({ agreement }) => agreement)), within(0, 1)),
  };
}
