/**
 * What gives a random mixture of experts the routing of a trained one. Every token's embedding is the sum of three random vectors: one that all tokens
 * share, so that some experts are asked for more than others; one that wanders slowly from id to id, so that a text of neighbouring ids asks for much of
 * what it asked for just before; and one of its own.
 */
import type { FillRow } from './gguf-model.ts';
import { randomWords } from './random-blocks.ts';

export interface StreamParts {
  /**
   * Deviation of the embedding's values: the larger beside what layers add, which is about one, the less a layer changes the stream, and the more of its experts
   * does the stream of the layer before tell.
   */
  readonly deviation: number;
  /** Shares of the variance; what is left of 1 is each token's own. */
  readonly constant: number;
  readonly drift: number;
  /** Correlation of the wandering part between one id and the next, below 1. */
  readonly persistence: number;
}

/** Fills with independent values of mean 0 and the given deviation, uniform: sums over a width of hundreds are as good as normal. */
export function randomRow(row: Float32Array, deviation: number, seed: number): void {
  const words = new Uint32Array(row.length);
  randomWords(words, seed);
  const scale = (deviation * Math.sqrt(12)) / 2 ** 32;
  for (let i = 0; i < row.length; i++) row[i] = (words[i]! - 2 ** 31) * scale;
}

/** Seeds of rows that have nothing to do with each other: neighbouring seeds of xorshift begin alike. */
const seedOf = (stream: number, row: number) => Math.imul(stream * 0x9e3779b1 + row, 0x85ebca6b) ^ 0x2545f491;

/** Rows of the embedding from id 0 on, of the given deviation. */
export function driftingRows(columns: number, parts: StreamParts): FillRow {
  const { deviation } = parts;
  const [shared, wandering, own] = [0, 1, 2].map(() => new Float32Array(columns)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  randomRow(shared, deviation * Math.sqrt(parts.constant), seedOf(0, 0));
  const driftDeviation = deviation * Math.sqrt(parts.drift);
  randomRow(wandering, driftDeviation, seedOf(1, 0));
  const stepDeviation = driftDeviation * Math.sqrt(1 - parts.persistence ** 2);
  const ownDeviation = deviation * Math.sqrt(1 - parts.constant - parts.drift);
  const step = new Float32Array(columns);
  let id = 0;
  return (row) => {
    id += 1;
    randomRow(step, stepDeviation, seedOf(1, id));
    randomRow(own, ownDeviation, seedOf(2, id));
    for (let i = 0; i < columns; i++) {
      wandering[i] = parts.persistence * wandering[i]! + step[i]!;
      row[i] = shared[i]! + wandering[i]! + own[i]!;
    }
  };
}

/** Rows of a router: independent, of variance 1/columns. */
export function routerRows(columns: number, layer: number): FillRow {
  let expert = 0;
  return (row) => randomRow(row, 1 / Math.sqrt(columns), seedOf(3 + layer, expert++));
}
