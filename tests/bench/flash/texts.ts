/** The ids that engines are fed. */
import { vocabulary } from '../models/shapes.ts';

/** Neighbouring ids, whose embeddings wander slowly (models/drifting-stream.ts): `count` from place `from` of the text on. */
export const textOfNeighbours = (from: number, count: number) =>
  Int32Array.from({ length: count }, (_, i) => (1000 + from + i) % vocabulary);

/** Ids that have nothing to do with each other. */
export const textOfStrangers = (from: number, count: number) =>
  Int32Array.from({ length: count }, (_, i) => ((from + i) * 7919) % vocabulary);
