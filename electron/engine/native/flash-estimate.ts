/**
 * What streaming weights from a pack comes to, before it is done.
 *
 * tokens/s = 1 / max(compute, reads), since reads go on under the computing (techniques of exact streaming):
 *   compute = bytes of weights and KV that a token touches ÷ bytes per second that replies on this machine touched while they computed;
 *   reads   = bytes that a token reads ÷ bytes per second that the disk gives at the size and number of these reads.
 * Dense models read, for each token, every record that is not pinned. Of a mixture's experts they read what a token uses and memory does not
 * hold: layers · used · (1 − hit rate) · bytes of an expert. It is a bound for mixtures: their reads begin only when a layer has chosen.
 */
import type { EstimateFacts, StreamingEstimate } from '../../contract/estimate.ts';
import type { DiskCurve } from '../../contract/streaming.ts';
import { LabError } from '../../contract/errors.ts';
import { bestDepth, diskRate } from './disk-curve.ts';
import { minimumBudget, pinOrder, planFlash, totalBytes, type FlashPlan, type FlashSizes } from './flash-plan.ts';

/** The model, and what else it takes beside its weights in records. */
export interface StreamedModel {
  readonly sizes: FlashSizes;
  /** KV cache, scratch, and vectors that are always in memory. */
  readonly besideBytes: number;
  readonly bytesTouchedPerToken: number;
  /** Of all matrices in the pack. */
  readonly matrixElements: number;
}

export type FlashFacts = Pick<EstimateFacts, 'freeBytes' | 'memoryBytesPerSecond' | 'uses'> & {
  readonly disk: DiskCurve | null;
};

/** Reads in flight where nobody chose (native/src/store/direct_file.h). */
const usualDepth = 8;
/** Fewer tokens per second are no conversation. */
const leastTokensPerSecond = 1;
/** Bits of a weight, scales included, that quantizing can bring a dense model to; and from where on it is worth it. */
const fewBits = 4.5;
const manyBits = 5.5;

/** Throws bad-request with `minimumBytes` for a budget below the least. */
export function estimateStreaming(
  model: StreamedModel,
  memoryBudget: number,
  facts: FlashFacts,
): StreamingEstimate {
  const { sizes, besideBytes } = model;
  const minimumBytes = minimumBudget(sizes);
  const minimumMemoryBudgetBytes = Math.ceil(minimumBytes + besideBytes);
  const plan = planFlash(sizes, memoryBudget - besideBytes);
  if (!plan) throw belowMinimum(memoryBudget, minimumMemoryBudgetBytes);
  const hit = sizes.experts.length === 0 ? null : hitRate(sizes, plan, facts.uses);
  const reads = readsPerToken(sizes, plan, hit?.rate ?? 1, facts.disk);
  const predicted = speed(model, reads, facts);
  return {
    memoryBudgetBytes: memoryBudget,
    minimumMemoryBudgetBytes,
    minimumBytes,
    totalBytes: totalBytes(sizes),
    pinnedBytes: plan.pinnedBytes,
    ringBytes: plan.ringBytes,
    lookupBytes: plan.lookupBytes,
    slots: plan.slots,
    slotBytes: plan.slotBytes,
    readBytesPerToken: Math.round(reads.bytes),
    hitRate: hit?.rate ?? null,
    hitRateFrom: hit?.from ?? null,
    ...predicted,
    ...worth(model, memoryBudget, { reads, facts, tokensPerSecond: predicted.tokensPerSecond }),
  };
}

function belowMinimum(memoryBudget: number, minimumBytes: number): LabError {
  const message =
    `A memory budget of ${memoryBudget.toLocaleString('en')} bytes is too small for this model: ` +
    `it needs at least ${minimumBytes.toLocaleString('en')} bytes.`;
  return new LabError('bad-request', message, { field: 'memoryBudget', minimumBytes });
}

// ---- Experts in memory.

/** Tokens of recorded uses that weigh as much as what others measured. */
const assumedTokens = 32;
/** Mixtures of as many experts are those that others measured. */
const manyExperts = 64;

/**
 * The chance that an expert a token uses is in memory. Where replies were recorded: with room for n experts the n most used ones lie there
 * (that is what LFU comes to), so their share of all uses. A short record holds few experts and flatters, so that it is weighed by its
 * tokens against what is assumed.
 */
export function hitRate(
  sizes: FlashSizes,
  plan: FlashPlan,
  uses: readonly number[],
): { rate: number; from: StreamingEstimate['hitRateFrom'] } {
  const { dense, rows, experts, expertsUsed, expertLayers } = sizes;
  const resident = plan.slots + Math.max(0, plan.pinned - dense.length - rows.length);
  if (resident >= experts.length) return { rate: 1, from: null };
  const assumed = assumedHitRate(resident / experts.length, experts.length / expertLayers);
  const all = uses.reduce((total, use) => total + use, 0);
  if (all === 0) return { rate: assumed, from: 'assumed' };
  const held = uses.toSorted((left, right) => right - left).slice(0, resident);
  const measured = held.reduce((total, use) => total + use, 0) / all;
  const tokens = all / (expertsUsed * expertLayers);
  const weight = tokens / (tokens + assumedTokens);
  return { rate: weight * measured + (1 - weight) * assumed, from: 'measured' };
}

/**
 * Where nothing was recorded, by the share of experts in memory. The fourth root of it lies among what projects report of mixtures of 128 to
 * 512 experts under LRU or LFU (12.5 %: 53 to 67 % hits; 19 %: 69; 25 %: 76 to 81; 31 %: 75). Few large experts are chosen far more evenly:
 * there the share itself.
 */
function assumedHitRate(share: number, expertsOfLayer: number): number {
  return expertsOfLayer >= manyExperts ? share ** 0.25 : share;
}

// ---- Reads and time.

interface Reads {
  readonly bytes: number;
  /** Of one of them, on average; and how many are in flight. */
  readonly size: number;
  readonly depth: number;
}

function readsPerToken(sizes: FlashSizes, plan: FlashPlan, rate: number, disk: DiskCurve | null): Reads {
  const { dense, experts, expertsUsed, expertLayers } = sizes;
  if (experts.length > 0) {
    const size = experts.reduce((total, bytes) => total + bytes, 0) / experts.length;
    const missesOfLayer = expertsUsed * (1 - rate);
    const depth = Math.min(depthFor(disk, size), Math.max(1, Math.round(missesOfLayer)));
    return { bytes: expertLayers * missesOfLayer * size + rowReads(sizes, plan), size, depth };
  }
  const streamed = pinOrder(dense.length).slice(plan.pinned);
  const bytes = streamed.reduce((total, record) => total + dense[record]!, 0);
  const size = streamed.length === 0 ? 0 : bytes / streamed.length;
  const depth = size === 0 ? 1 : Math.min(depthFor(disk, size), Math.max(1, Math.floor(plan.ringBytes / size)));
  return { bytes: bytes + rowReads(sizes, plan), size, depth };
}

/** Reads in flight that the pack is opened with. */
const depthFor = (disk: DiskCurve | null, size: number) => (disk ? bestDepth(disk, size) : usualDepth);

/** The pages around one token's row, as far as rows are not in memory. */
function rowReads({ dense, rows, rowsInDense, rowBytes }: FlashSizes, { pinned }: FlashPlan): number {
  if (rows.length > 0) return rowBytes * (1 - Math.min(rows.length, Math.max(0, pinned - dense.length)) / rows.length);
  const inMemory = new Set(pinOrder(dense.length).slice(0, pinned));
  const missing = rowsInDense.filter((record) => !inMemory.has(record)).length;
  return rowsInDense.length === 0 ? 0 : (rowBytes * missing) / rowsInDense.length;
}

type Speed = Pick<StreamingEstimate, 'diskBytesPerSecond' | 'computeSecondsPerToken' | 'tokensPerSecond'>;

function speed({ bytesTouchedPerToken }: StreamedModel, reads: Reads, facts: FlashFacts): Speed {
  const { disk, memoryBytesPerSecond } = facts;
  const diskBytesPerSecond = disk && reads.bytes > 0 ? diskRate(disk, reads.size, reads.depth) : null;
  const compute = memoryBytesPerSecond && bytesTouchedPerToken / memoryBytesPerSecond;
  const read = reads.bytes === 0 ? 0 : diskBytesPerSecond && reads.bytes / diskBytesPerSecond;
  const seconds = compute === null || read === null ? null : Math.max(compute, read);
  return {
    diskBytesPerSecond,
    computeSecondsPerToken: compute,
    tokensPerSecond: seconds === null || seconds === 0 ? null : 1 / seconds,
  };
}

// ---- Whether it is worth it.

interface Prospect {
  readonly reads: Reads;
  readonly facts: FlashFacts;
  readonly tokensPerSecond: number | null;
}

function worth(
  model: StreamedModel,
  memoryBudget: number,
  { reads, facts, tokensPerSecond }: Prospect,
): Pick<StreamingEstimate, 'isWorthIt' | 'advice'> {
  if (reads.bytes === 0) return { isWorthIt: true, advice: null };
  const wholeBytes = totalBytes(model.sizes) + model.besideBytes;
  if (facts.freeBytes !== null && wholeBytes <= facts.freeBytes) {
    return not(
      `All of it fits in memory: it takes ${sizeText(wholeBytes)}, ${sizeText(facts.freeBytes)} are free. Without a budget nothing is read for a token.`,
    );
  }
  const quantized = quantizedAdvice(model, memoryBudget, facts);
  if (quantized !== null) return not(quantized);
  if (tokensPerSecond !== null && tokensPerSecond < leastTokensPerSecond) {
    return not(
      `About ${tokensPerSecond.toPrecision(2)} tokens a second: too slow to talk to. A larger budget, a faster disk or a smaller model would help.`,
    );
  }
  return { isWorthIt: true, advice: null };
}

const not = (advice: string) => ({ isWorthIt: false, advice });

/** A dense model reads nearly all of itself for every token: one of fewer bits that fits in the same budget reads nothing. */
function quantizedAdvice(
  { sizes, besideBytes, matrixElements }: StreamedModel,
  memoryBudget: number,
  { memoryBytesPerSecond }: FlashFacts,
): string | null {
  const whole = totalBytes(sizes);
  if (sizes.experts.length > 0 || (8 * whole) / matrixElements < manyBits) return null;
  const quantized = (matrixElements * fewBits) / 8;
  if (quantized + besideBytes > memoryBudget) return null;
  const speed = memoryBytesPerSecond && memoryBytesPerSecond / quantized;
  const told = speed === null ? '' : `, about ${speed.toPrecision(2)} tokens a second`;
  return `With 4 bits a weight this model would take ${sizeText(quantized + besideBytes)} and fit in this budget, with nothing to read${told}.`;
}

function sizeText(bytes: number): string {
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(0)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
