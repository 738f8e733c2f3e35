/** How a job goes, in figures. Pure. */
import type { Job } from '../../../electron/contract/host-contract.ts';
import { formatBytes, formatMilliseconds, formatNumber } from '../../ui/format.ts';

/** What a phase counts, by how its name ends. */
const phases: readonly { readonly ending: string; readonly title: string; readonly unit: string }[] = [
  { ending: 'load weights', title: 'reading weights', unit: 'bytes' },
  { ending: 'build graph', title: 'making the graph', unit: 'steps' },
  { ending: 'start', title: 'starting an engine', unit: 'steps' },
  { ending: 'reply', title: 'reply', unit: 'tokens' },
  { ending: 'text', title: 'reading the text', unit: 'tokens' },
  { ending: 'weights', title: 'comparing weights', unit: 'weights' },
];

/** When a phase began, as far as the page saw it. */
export interface PhaseStart {
  readonly phase: string;
  readonly at: number;
  readonly done: number;
}

/** The beginning of the phase that a job is in now. */
export function phaseStart(
  before: PhaseStart | null,
  { phase, done }: Pick<Job, 'phase' | 'done'>,
  at: number,
): PhaseStart {
  return before?.phase === phase && before.done <= done ? before : { phase, at, done };
}

export interface JobFigures {
  readonly title: string;
  readonly done: number;
  readonly total: number;
  /** Done of total, rate, time left; what is not known yet is left out. */
  readonly figures: readonly string[];
}

export function jobFigures(
  { phase, done, total }: Pick<Job, 'phase' | 'done' | 'total'>,
  start: PhaseStart | null,
  now: number,
): JobFigures {
  const known = phases.find(({ ending }) => phase.endsWith(ending));
  const unit = known?.unit ?? 'steps';
  const title = known ? `${phase.slice(0, phase.length - known.ending.length)}${known.title}` : phase;
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : formatNumber(value));
  if (total <= 0) return { title: title || 'waiting to begin', done, total, figures: [] };
  const progress = `${amount(done)} of ${amount(total)}${unit === 'tokens' ? ' tokens' : ''}`;
  const elapsed = start ? (now - start.at) / 1000 : 0;
  const since = start ? done - start.done : 0;
  if (since <= 0 || elapsed < 0.3) return { title, done, total, figures: [progress] };
  const rate = since / elapsed;
  const rateText = unit === 'bytes' ? `${formatBytes(rate)}/s` : `${formatNumber(rate, 1)} ${unit}/s`;
  return {
    title,
    done,
    total,
    figures: [progress, rateText, timeLeft((total - done) / rate)],
  };
}

const timeLeft = (seconds: number): string =>
  seconds < 1 ? 'less than 1 s left' : `${formatMilliseconds(seconds * 1000)} left`;
