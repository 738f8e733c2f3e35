/** How loading goes, in figures. Pure. */
import type { LoadState } from '../../../electron/contract/machine.ts';
import { formatBytes, formatMilliseconds, formatNumber } from '../../ui/format.ts';

type Loading = LoadState & { readonly state: 'loading' };

export interface LoadFigures {
  readonly title: string;
  readonly done: number;
  readonly total: number;
  readonly figures: readonly string[];
}

/** Phases as an engine names them; bytes are counted where weights are read, else steps. */
const phases: Readonly<Record<string, { title: string; countsBytes: boolean }>> = {
  start: { title: 'Starting an engine', countsBytes: false },
  'load weights': { title: 'Reading weights', countsBytes: true },
  'build graph': { title: 'Making the graph, once for this model', countsBytes: false },
};

export function loadFigures(loading: Loading, nowMs: number): LoadFigures {
  const { phase, done, total, startedAt } = loading;
  const { title, countsBytes } = phases[phase] ?? { title: phase, countsBytes: false };
  return {
    title,
    done,
    total,
    figures: workFigures({ done, total, elapsedMs: nowMs - startedAt, countsBytes }),
  };
}

export interface WorkDone {
  readonly done: number;
  readonly total: number;
  readonly elapsedMs: number;
  readonly countsBytes: boolean;
}

/** Done of total, rate, time left; what is not known yet is left out. */
export function workFigures({ done, total, elapsedMs, countsBytes }: WorkDone): readonly string[] {
  if (total <= 0) return [formatMilliseconds(Math.max(0, elapsedMs))];
  const amount = (value: number) => (countsBytes ? formatBytes(value) : formatNumber(value));
  const progress = `${amount(done)} of ${amount(total)}`;
  if (done <= 0 || elapsedMs < 100) return [progress];
  const perSecond = (done * 1000) / elapsedMs;
  const leftMs = ((total - done) / perSecond) * 1000;
  const rate = countsBytes ? `${formatBytes(perSecond)}/s` : `${formatNumber(perSecond, 1)}/s`;
  return [progress, rate, `${formatMilliseconds(leftMs)} left`];
}
