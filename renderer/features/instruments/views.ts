/** The charts of the panel, from the slots of the last minute. Pure. */
import type { MemoryReading } from '../../../electron/contract/machine.ts';
import { causes } from '../../charts/causes.ts';
import type { ChartView, LegendEntry, Series } from '../../charts/chart-view.ts';
import { quantileOfSorted, sorted } from '../../charts/quantile.ts';
import { axisFor, byteUnit, type Axis, type ByteUnit } from '../../charts/ticks.ts';
import { formatBytes, formatCount, formatMilliseconds, formatNumber, formatRate } from '../../ui/format.ts';
import { hitRate, overlap } from './flash-reads.ts';
import {
  slotMs,
  type FlashSlot,
  type HeldMemory,
  type InstrumentPoint,
  type InstrumentSlot,
} from './slots.ts';
import { allowedBytes, modelBytes, ownScratchBytes, roomBytes, runtimeBytes } from './memory-room.ts';
import { weightParts, type HeldWeights } from './weight-parts.ts';

type Points = readonly InstrumentPoint[];

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const share = (part: number, whole: number): string =>
  `${formatNumber(whole > 0 ? (part / whole) * 100 : 0)} %`;
const writeMs = (ms: number): string => formatNumber(ms, ms < 1 ? 2 : ms < 100 ? 1 : 0);
/** Round numbers of an axis: no digits that say nothing. */
const writeTick = (value: number): string =>
  formatNumber(value, Number.isInteger(value) ? 0 : value < 0.1 ? 2 : 1);

function timesOf(points: Points) {
  return { times: points.map(({ startMs }) => startMs), pointMs: slotMs, writeTick };
}

/** What each point tells, or what was being computed then, of which the longest took `longestMs`: it is placed where it ended. */
function inTime<Told>(
  points: Points,
  of: (slot: InstrumentSlot) => Told | null,
  longestMs: (told: Told) => number,
): (Told | null)[] {
  let later: { told: Told; index: number } | null = null;
  const found = points.map((): Told | null => null);
  for (let index = points.length - 1; index >= 0; index--) {
    const slot = points[index]?.slot;
    const told = slot ? of(slot) : null;
    if (told) later = { told, index };
    if (later && (later.index - index) * slotMs <= longestMs(later.told)) found[index] = later.told;
  }
  return found;
}

const slotsInTime = (points: Points): (InstrumentSlot | null)[] =>
  inTime(
    points,
    (slot) => (slot.tokens > 0 ? slot : null),
    ({ slowestMs }) => slowestMs,
  );

/** By the steps that read: also while a prompt is read. */
const flashInTime = (points: Points): (FlashSlot | null)[] =>
  inTime(
    points,
    ({ flash }) => flash,
    ({ longestMs }) => longestMs,
  );

/** Mean time of the tokens of each slot by cause, and the slowest of them. */
export function timeView(points: Points): ChartView {
  const slots = slotsInTime(points);
  const layers = causes.flatMap(({ label, role }, index): Series[] => {
    const values = slots.map((slot) => meanOf(slot?.byCause[index], slot?.tokens));
    return values.some((value) => value !== null) ? [{ label, role, values }] : [];
  });
  const slowest = slots.map((slot) => slot?.slowestMs ?? null);
  const times = sorted(points.flatMap(({ slot }) => slot?.times ?? []));
  const whole = sum(points.map(({ slot }) => slot?.totalMs ?? 0));
  const axis = timeAxis(times);
  return {
    ...timesOf(points),
    unit: 'ms',
    layers,
    lines: [{ label: 'slowest', role: '--text-muted', values: slowest }],
    axis,
    limits: [],
    headline: [
      { value: writeMs(quantileOfSorted(times, 0.5)), unit: 'ms p50' },
      { value: writeMs(quantileOfSorted(times, 0.95)), unit: 'ms p95' },
    ],
    legend: [...causeLegend(points, whole), ...slowestLegend(times)],
    remark: axis.isCut ? `cut at ${writeTick(axis.top)} ms` : '',
    write: writeMs,
    emptyText: 'No token in the last 60 s.',
  };
}

/** One token far above the rest must not press them to the axis: it is cut, and its time stands in the legend. */
function timeAxis(times: Float64Array): Axis & { readonly isCut: boolean } {
  const slowest = times.at(-1) ?? 0;
  const p95 = quantileOfSorted(times, 0.95);
  const isCut = slowest > 3 * p95;
  return { ...axisFor(isCut ? 2 * p95 : slowest, 2), isCut };
}

function meanOf(total: number | undefined, count: number | undefined): number | null {
  return total === undefined || Number.isNaN(total) || !count ? null : total / count;
}

function slowestLegend(times: Float64Array): LegendEntry[] {
  const most = times.at(-1);
  if (most === undefined) return [];
  return [{ label: 'slowest', role: '--text-muted', mark: 'line', total: formatMilliseconds(most) }];
}

function causeLegend(points: Points, whole: number): LegendEntry[] {
  return causes.flatMap(({ label, role }, index): LegendEntry[] => {
    const known = points.flatMap(({ slot }) => {
      const value = slot?.byCause[index] ?? NaN;
      return Number.isNaN(value) ? [] : [value];
    });
    if (known.length === 0) return [];
    const total = sum(known);
    return [{ label, role, mark: 'area', total: `${formatMilliseconds(total)} ${share(total, whole)}` }];
  });
}

/** The speed is the mean of this many slots, so that a slot's own few tokens do not make it jump. */
const smoothedSlots = 5;

export function speedView(points: Points): ChartView {
  const slots = slotsInTime(points);
  const values = slots.map((slot, index) =>
    slot ? rateOf(slots.slice(Math.max(0, index - smoothedSlots + 1), index + 1)) : null,
  );
  const now = values.findLast((value) => value !== null) ?? 0;
  const tokens = sum(points.map(({ slot }) => slot?.tokens ?? 0));
  return {
    ...timesOf(points),
    unit: 'tokens/s',
    layers: [],
    lines: [{ label: 'speed', role: '--text', values }],
    axis: axisFor(Math.max(0, ...values.map((value) => value ?? 0)), 2),
    limits: [],
    headline: [{ value: formatRate(now), unit: 'tokens/s' }],
    legend: [],
    remark: `${formatCount(tokens, 'token')}, mean ${formatRate(rateOf(points.map(({ slot }) => slot)) ?? 0)}`,
    write: formatRate,
    emptyText: 'No token in the last 60 s.',
  };
}

function rateOf(slots: readonly (InstrumentSlot | null | undefined)[]): number | null {
  const ms = sum(slots.map((slot) => slot?.totalMs ?? 0));
  return ms > 0 ? (sum(slots.map((slot) => slot?.tokens ?? 0)) * 1000) / ms : null;
}

/** Reads while steps are computed, and which part of what they used was in memory. */
export function flashView(points: Points): ChartView {
  const slots = flashInTime(points);
  const told = points.flatMap(({ slot }) => (slot?.flash ? [slot.flash] : []));
  const rates = slots.map((flash) => (flash ? bytesPerSecond(flash) : null));
  const rateNow = rates.findLast((value) => value !== null) ?? 0;
  const unit = byteUnit(Math.max(0, ...rates.map((value) => value ?? 0)));
  const hitRates = slots.map((flash) => flash && hitRate(flash.hits, flash.misses));
  const [value = '', unitName = ''] = formatBytes(rateNow).split(' ');
  return {
    ...timesOf(points),
    unit: `${unit.name}/s`,
    layers: [
      {
        label: 'read',
        role: '--cause-flash',
        values: rates.map((rate) => (rate === null ? null : rate / unit.bytes)),
      },
    ],
    lines: [],
    shares: [{ label: 'hit rate', role: '--text', values: hitRates }],
    counts: [
      // Where the steps ended, not all the time that they took: each is counted once.
      { label: 'hits', values: points.map(({ slot }) => slot?.flash?.hits ?? null) },
      { label: 'misses', values: points.map(({ slot }) => slot?.flash?.misses ?? null) },
    ],
    axis: axisFor(Math.max(0, ...rates.map((rate) => (rate ?? 0) / unit.bytes)), 2),
    limits: [],
    headline: [{ value, unit: `${unitName}/s` }],
    legend: told.length === 0 ? [] : flashLegend(told, hitRates),
    remark: told.length === 0 ? '' : missedText(told),
    write: (rate) => formatInUnit(rate, unit),
    emptyText: 'Nothing was read from flash in the last 60 s.',
  };
}

const bytesPerSecond = ({ bytes, ms }: FlashSlot): number => (ms > 0 ? (bytes * 1000) / ms : 0);

function missedText(told: readonly FlashSlot[]): string {
  return `${formatNumber(sum(told.map(({ misses }) => misses)))} missed`;
}

function flashLegend(told: readonly FlashSlot[], hitRates: readonly (number | null)[]): LegendEntry[] {
  const rate = hitRates.findLast((value) => value !== null) ?? null;
  const beside = overlap(sum(told.map(({ busyNs }) => busyNs)), sum(told.map(({ waitNs }) => waitNs)));
  return [
    {
      label: 'read',
      role: '--cause-flash',
      mark: 'area',
      total: formatBytes(sum(told.map(({ bytes }) => bytes))),
    },
    { label: 'hit rate', role: '--text', mark: 'line', total: rate === null ? 'none' : share(rate, 1) },
    ...(beside === null
      ? []
      : [{ label: 'beside computing', role: '--text', mark: 'none' as const, total: share(beside, 1) }]),
  ];
}

/** A reading stands until the next one, or until it is this old: then the reader paused. */
const readingStandsMs = 3000;

/** The latest reading at each point. */
export function readings(points: Points): (HeldMemory | null)[] {
  let latest: HeldMemory | null = null;
  return points.map(({ startMs, slot }) => {
    latest = slot?.memory ?? latest;
    return latest && startMs - latest.at <= readingStandsMs ? latest : null;
  });
}

interface MemoryPart {
  readonly label: string;
  readonly role: string;
  readonly mark: LegendEntry['mark'];
  readonly of: (reading: HeldMemory) => number;
}

/** In the fixed order, from the axis upward; what counts to the budget first. Weights of a streamed model are told part by part. */
function memoryParts(latest: HeldMemory | null): readonly MemoryPart[] {
  const weights = latest?.held ? heldParts(latest.held, latest.weightsBytes) : [wholeWeights];
  return [...weights, ...otherParts.filter(({ label }) => label !== 'runtime' || hasRuntime(latest))];
}

/** By the parts of the latest reading. What an older one does not tell apart, as before a model was streamed, stands in the first. */
function heldParts(held: HeldWeights, weightsBytes: number): readonly MemoryPart[] {
  const [first, ...rest] = weightParts(held, weightsBytes).map(({ label, role, fill }): MemoryPart => {
    const of = (reading: HeldMemory) =>
      (reading.held &&
        weightParts(reading.held, reading.weightsBytes).find((part) => part.fill === fill)?.bytes) ??
      0;
    return { label, role, mark: 'area', of };
  });
  if (!first) return [wholeWeights];
  const of = (reading: HeldMemory) => reading.weightsBytes - sum(rest.map((part) => part.of(reading)));
  return [{ ...first, of }, ...rest];
}

const hasRuntime = (latest: HeldMemory | null) => latest !== null && runtimeBytes(latest) > 0;

const wholeWeights: MemoryPart = {
  label: 'weights',
  role: '--mem-weights',
  mark: 'area',
  of: ({ weightsBytes }) => weightsBytes,
};
const otherParts: readonly MemoryPart[] = [
  { label: 'KV', role: '--mem-kv', mark: 'area', of: ({ kvBytes }) => kvBytes },
  { label: 'scratch', role: '--mem-scratch', mark: 'hatched', of: ownScratchBytes },
  { label: 'runtime', role: '--line', mark: 'area', of: runtimeBytes },
  { label: 'app', role: '--line-strong', mark: 'area', of: ({ appRssBytes }) => appRssBytes },
];

export function memoryView(points: Points): ChartView {
  const all = readings(points);
  const latest = all.findLast((reading) => reading !== null) ?? null;
  const parts = memoryParts(latest);
  const stackedBytes = (reading: HeldMemory) => sum(parts.map(({ of }) => of(reading)));
  const most = Math.max(0, ...all.map((reading) => (reading ? stackedBytes(reading) : 0)));
  const budget = latest?.memoryBudgetBytes ?? null;
  const limit = latest ? (budget ?? stackedBytes(latest) + roomBytes(latest)) : 0;
  // A limit far above would press everything to the axis: then it is told, not drawn.
  const unit = byteUnit(limit <= most * 2 ? limit : most);
  return {
    ...timesOf(points),
    unit: unit.name,
    layers: parts.map(({ label, role, of }) => ({
      label,
      role,
      values: all.map((reading) => (reading ? of(reading) / unit.bytes : null)),
    })),
    lines: [],
    axis: axisFor((limit <= most * 2 ? Math.max(limit, most) : most * 1.25) / unit.bytes, 2),
    limits: latest
      ? [
          {
            label: `${budget === null ? 'limit' : 'budget'} ${formatBytes(limit)}`,
            value: limit / unit.bytes,
          },
        ]
      : [],
    headline: latest ? memoryHeadline(latest) : [],
    legend: latest ? parts.map(({ of, ...entry }) => ({ ...entry, total: formatBytes(of(latest)) })) : [],
    remark: latest && budget !== null && hasRuntime(latest) ? besideText(latest) : '',
    write: (value) => formatInUnit(value, unit),
    emptyText: 'No reading of memory yet.',
  };
}

/** Beside the budget; as short as the head has room. */
const besideText = (latest: HeldMemory): string => `+ ${formatBytes(runtimeBytes(latest))} runtime`;

/** The model's part, of what models may have: the same figures as in the status line. */
function memoryHeadline(latest: MemoryReading): { value: string; unit: string }[] {
  const [value = '', unit = ''] = formatBytes(modelBytes(latest)).split(' ');
  return [{ value, unit: `${unit} of ${formatBytes(allowedBytes(latest))}` }];
}

function formatInUnit(value: number, { name }: ByteUnit): string {
  return formatNumber(value, name === 'GiB' ? 2 : value >= 100 ? 0 : 1);
}

/** Keys and values as the steps of replies tell them, and between replies the reader of memory. */
export function kvView(points: Points): ChartView {
  const all = readings(points);
  const bytes = points.map(({ slot }, index) => slot?.kvBytes ?? all[index]?.kvBytes ?? null);
  const known = bytes.filter((value) => value !== null);
  const unit = byteUnit(Math.max(0, ...known));
  const now = known.at(-1) ?? 0;
  const grown = now - (known[0] ?? now);
  const [value = '', unitText = ''] = formatBytes(now).split(' ');
  return {
    ...timesOf(points),
    unit: unit.name,
    layers: [
      {
        label: 'KV',
        role: '--mem-kv',
        values: bytes.map((part) => (part === null ? null : part / unit.bytes)),
      },
    ],
    lines: [],
    axis: axisFor(Math.max(0, ...known) / unit.bytes, 2),
    limits: [],
    headline: known.length === 0 ? [] : [{ value, unit: unitText }],
    legend: [],
    remark: grown === 0 ? '' : `${grown < 0 ? 'shrank' : 'grew'} by ${formatBytes(Math.abs(grown))}`,
    write: (part) => formatInUnit(part, unit),
    emptyText: 'No keys and values are held.',
  };
}
