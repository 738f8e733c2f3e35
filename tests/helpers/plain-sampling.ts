/**
 * The sampling law of docs/sampling.md computed plainly in float64 with full sorts; shares nothing with native/.
 */
import type { SamplingParameters } from '../../electron/contract/sampling.ts';

const bits64 = (1n << 64n) - 1n;

/** PCG32 as in O'Neill 2014, on BigInts. */
export class PlainPcg32 {
  state = 0n;
  readonly increment: bigint;

  constructor(seed: bigint, sequence: bigint) {
    this.increment = ((sequence << 1n) | 1n) & bits64;
    this.next();
    this.state = (this.state + seed) & bits64;
    this.next();
  }

  next(): number {
    const old = this.state;
    this.state = (old * 6364136223846793005n + this.increment) & bits64;
    const shifted = Number((((old >> 18n) ^ old) >> 27n) & 0xffffffffn);
    const rotation = Number(old >> 59n);
    return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
  }

  /** Two outputs, the first the high half; the upper 53 bits over 2^53. */
  nextUnit(): number {
    const high = BigInt(this.next());
    return Number(((high << 32n) | BigInt(this.next())) >> 11n) / 2 ** 53;
  }
}

export interface PlainInput {
  readonly logits: Float32Array;
  readonly history: Int32Array;
  readonly allowed: Uint32Array | null;
}

function adjust(parameters: SamplingParameters, { logits, history, allowed }: PlainInput): number[] {
  const isAllowed = (id: number) => allowed === null || ((allowed[id >> 5] ?? 0) & (1 << (id & 31))) !== 0;
  const adjusted = Array.from(logits, (logit, id) => (isAllowed(id) ? logit : -Infinity));
  for (const { id, bias } of parameters.logitBias) adjusted[id] = (adjusted[id] ?? NaN) + Math.fround(bias);
  const window = parameters.penaltyWindow === 0 ? history : history.slice(-parameters.penaltyWindow);
  const counts = new Map<number, number>();
  for (const id of window) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const [id, count] of counts) {
    const logit = adjusted[id] ?? NaN;
    const repeated = logit > 0 ? logit / parameters.repetitionPenalty : logit * parameters.repetitionPenalty;
    adjusted[id] = repeated - parameters.presencePenalty - parameters.frequencyPenalty * count;
  }
  return adjusted;
}

interface Candidate {
  readonly id: number;
  readonly logit: number;
}

/** Falling logit, lowest id first among equals. */
function ranked(adjusted: number[]): Candidate[] {
  return adjusted
    .map((logit, id) => ({ id, logit }))
    .filter(({ logit }) => logit > -Infinity)
    .sort((a, b) => b.logit - a.logit || a.id - b.id);
}

/** The probability of every id (V). */
export function plainProbabilities(parameters: SamplingParameters, input: PlainInput): Float64Array {
  const result = new Float64Array(input.logits.length);
  let candidates = ranked(adjust(parameters, input));
  const highest = candidates[0];
  if (!highest) throw new Error('nothing to draw from');
  if (parameters.temperature === 0) {
    result[highest.id] = 1;
    return result;
  }
  if (parameters.topK > 0) candidates = candidates.slice(0, parameters.topK);
  const weight = ({ logit }: Candidate) => Math.exp((logit - highest.logit) / parameters.temperature);
  const sum = (of: Candidate[]) => of.reduce((total, candidate) => total + weight(candidate), 0);
  if (parameters.topP < 1) {
    const target = parameters.topP * sum(candidates);
    let reached = 0;
    const last = candidates.findIndex((candidate) => (reached += weight(candidate)) >= target);
    if (last >= 0) candidates = candidates.slice(0, last + 1);
  }
  candidates = candidates.filter((candidate) => weight(candidate) >= parameters.minP);
  const total = sum(candidates);
  for (const candidate of candidates) result[candidate.id] = weight(candidate) / total;
  return result;
}

/** The id in whose share of [0, 1) the number lies; shares in ascending id. */
export function plainPick(probabilities: Float64Array, unit: number): number {
  let sum = 0;
  const id = probabilities.findIndex((probability) => (sum += probability) > unit);
  return id >= 0 ? id : probabilities.findLastIndex((probability) => probability > 0);
}

/** Natural logs of softmax(logits). */
export function plainLogProbabilities(logits: Float32Array): Float64Array {
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const logSum = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0));
  return Float64Array.from(logits, (logit) => logit - logSum);
}

/** Normally distributed logits from a fixed seed. */
export function randomLogits(size: number, seed: number, spread = 3): Float32Array {
  const generator = new PlainPcg32(BigInt(seed), 1n);
  return Float32Array.from({ length: size }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - generator.nextUnit()));
    return spread * radius * Math.cos(2 * Math.PI * generator.nextUnit());
  });
}
