/**
 * What a budget of memory is spent on when weights are read from a pack, from its header alone: the very sizes and rules of
 * native/src/store/flash_plan.cpp and of FlashStore::measure, which a test holds it to.
 */
import type { PackContents, PackMatrix } from '../../contract/pack.ts';
import { groupBytes } from '../../formats/pack/layout.ts';
import type { LayerSpec, ModelSpec } from '../../../models/families/model-spec.ts';

/** Bytes of a model's records, in whole pages. */
export interface FlashSizes {
  /** What every token multiplies by, in order of use. */
  readonly dense: readonly number[];
  /** Token rows that are only looked up. */
  readonly rows: readonly number[];
  readonly experts: readonly number[];
  /** Of one layer and token; and how many layers have experts. */
  readonly expertsUsed: number;
  readonly expertLayers: number;
  /** For looking up rows of what is not in memory, and pages read for one row. */
  readonly lookupBytes: number;
  readonly rowBytes: number;
  /** Whether the looked-up rows are those of dense records: which of these. */
  readonly rowsInDense: readonly number[];
}

export interface FlashPlan {
  /** Kept in memory: that many of dense records in pin order, then rows, then experts. */
  readonly pinned: number;
  readonly pinnedBytes: number;
  readonly ringBytes: number;
  readonly lookupBytes: number;
  readonly slots: number;
  readonly slotBytes: number;
}

const pageBytes = 4096;
const ringTarget = 32 * 1_048_576;
const ringRecords = 2;
/** The ring takes a quarter at most of what is left for dense records. */
const largestRingShare = 4;
/** Row groups that are read at once. */
const groupsAtOnce = 8;

const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
const largest = (sizes: readonly number[]) => sizes.reduce((most, size) => Math.max(most, size), 0);

/** Throws nothing for a pack that holds every weight of the model (check-weights.ts). */
export function flashSizes({ matrices, records }: PackContents, spec: ModelSpec): FlashSizes {
  const pages = ({ tiles }: PackMatrix) =>
    tiles.map(({ record }) => pagesAround(records.offsets[record]!, records.bytes[record]!));
  const matrix = (stem: string) => matrices.get(`${stem}.weight`)!;
  const table = matrix('embedding');
  const tablePages = pages(table);
  const rowBytes = pagesAround(pageBytes - 1, groupBytes(table.layout, table.columns));
  const dense: number[] = [];
  const rowsInDense: number[] = [];
  for (const stem of denseStems(spec)) {
    const sizes = pages(matrix(stem));
    if (stem === 'embedding') rowsInDense.push(...sizes.map((_, index) => dense.length + index));
    dense.push(...sizes);
  }
  const mixtures = spec.layers.flatMap((layer, index) => {
    const experts = expertsOf(layer);
    return experts ? [{ index, ...experts }] : [];
  });
  return {
    dense,
    rows: spec.head.tied ? [] : tablePages,
    // An expert's three matrices lie in one record.
    experts: mixtures.flatMap(({ index, count }) =>
      Array.from({ length: count }, (_, expert) => pages(matrix(`layers.${index}.experts.${expert}.gate`))[0]!),
    ),
    expertsUsed: largest(mixtures.map(({ used }) => used)),
    expertLayers: mixtures.length,
    lookupBytes: Math.max(largest(tablePages), groupsAtOnce * rowBytes),
    rowBytes,
    rowsInDense,
  };
}

function pagesAround(offset: number, bytes: number): number {
  const first = Math.floor(offset / pageBytes) * pageBytes;
  return Math.ceil((offset + bytes) / pageBytes) * pageBytes - first;
}

function expertsOf(layer: LayerSpec): { count: number; used: number } | null {
  return layer.kind === 'attention' && layer.feedForward.kind === 'experts' ? layer.feedForward : null;
}

/** Matrices that every token multiplies by, in order of use (native/src/model/flash_uses.cpp). */
function denseStems({ embedding, hiddenSize, layers, head }: ModelSpec): string[] {
  const isProjected = embedding.size !== hiddenSize;
  return [
    ...(isProjected ? ['embedding_in'] : []),
    ...layers.flatMap((layer, index) => layerStems(layer).map((stem) => `layers.${index}.${stem}`)),
    ...(isProjected ? ['embedding_out'] : []),
    head.tied ? 'embedding' : 'head',
  ];
}

function layerStems(layer: LayerSpec): string[] {
  if (layer.kind === 'stateSpace') return layer.version === 1 ? ['in', 'x', 'time_step', 'out'] : ['in', 'out'];
  const attention = ['query', 'key', 'value', 'output'];
  const { feedForward } = layer;
  if (feedForward.kind === 'experts') return [...attention, 'router'];
  return [...attention, ...(feedForward.gated ? ['gate'] : []), 'up', 'down'];
}

/** In which order dense records are pinned: any first part of it lies evenly among all of them. */
export function pinOrder(dense: number): number[] {
  const golden = 0.6180339887498949;
  return Array.from({ length: dense }, (_, index) => index).sort(
    (left, right) => ((left * golden) % 1) - ((right * golden) % 1),
  );
}

export const totalBytes = ({ dense, rows, experts }: FlashSizes): number => sum(dense) + sum(rows) + sum(experts);

/** The least that weights need. */
export function minimumBudget(sizes: FlashSizes): number {
  const { dense, experts, expertsUsed, lookupBytes } = sizes;
  const least =
    experts.length === 0
      ? lookupBytes + Math.min(sum(dense), ringMinimum(sizes))
      : trunkBytes(sizes) + expertsUsed * largest(experts);
  return Math.min(least, totalBytes(sizes));
}

/** Null: the budget is below the minimum. */
export function planFlash(sizes: FlashSizes, budgetBytes: number): FlashPlan | null {
  if (budgetBytes < minimumBudget(sizes)) return null;
  // Memory is taken in whole pages.
  const budget = Math.floor(budgetBytes / pageBytes) * pageBytes;
  const { dense, rows, experts } = sizes;
  if (budget >= totalBytes(sizes)) {
    return plan(sizes, { pinned: dense.length + rows.length + experts.length });
  }
  return experts.length === 0 ? densePlan(sizes, budget) : expertPlan(sizes, budget);
}

const ringMinimum = ({ dense }: FlashSizes) => ringRecords * largest(dense);
const isLookedUpInDense = ({ rows }: FlashSizes) => rows.length === 0;
/** All but experts, and what rows are looked up with where they are not part of it. */
const trunkBytes = (sizes: FlashSizes) => sum(sizes.dense) + (isLookedUpInDense(sizes) ? 0 : sizes.lookupBytes);

function densePlan(sizes: FlashSizes, budget: number): FlashPlan {
  const { dense, lookupBytes } = sizes;
  if (budget >= trunkBytes(sizes)) return withRows(sizes, budget, { pinned: dense.length, lookupBytes });
  const left = budget - lookupBytes;
  const missing = sum(dense) - Math.min(sum(dense), left);
  const share = Math.floor(left / largestRingShare / pageBytes) * pageBytes;
  const ringBytes = Math.max(ringMinimum(sizes), Math.min(ringTarget, missing, share));
  let pinned = 0;
  let used = ringBytes;
  for (const record of pinOrder(dense.length)) {
    if (used + dense[record]! > left) break;
    used += dense[record]!;
    pinned += 1;
  }
  return plan(sizes, { pinned, ringBytes, lookupBytes });
}

function expertPlan(sizes: FlashSizes, budget: number): FlashPlan {
  const { dense, experts } = sizes;
  const slotBytes = largest(experts);
  const slots = Math.min(Math.floor((budget - trunkBytes(sizes)) / slotBytes), experts.length);
  const lookupBytes = isLookedUpInDense(sizes) ? 0 : sizes.lookupBytes;
  return withRows(sizes, budget, { pinned: dense.length, lookupBytes, slots, slotBytes });
}

type Spent = Pick<FlashPlan, 'pinned'> & Partial<Omit<FlashPlan, 'pinned' | 'pinnedBytes'>>;

/** Rows take what nothing else can use. */
function withRows(sizes: FlashSizes, budget: number, spent: Spent): FlashPlan {
  let used = trunkBytes(sizes) + (spent.slots ?? 0) * (spent.slotBytes ?? 0);
  let { pinned } = spent;
  for (const bytes of sizes.rows) {
    if (used + bytes > budget) break;
    used += bytes;
    pinned += 1;
  }
  return plan(sizes, { ...spent, pinned });
}

function plan(sizes: FlashSizes, spent: Spent): FlashPlan {
  const { dense, rows, experts } = sizes;
  const order = [...pinOrder(dense.length).map((index) => dense[index]!), ...rows, ...experts];
  const pinnedBytes = sum(order.slice(0, spent.pinned));
  return { ringBytes: 0, lookupBytes: 0, slots: 0, slotBytes: 0, ...spent, pinnedBytes };
}
