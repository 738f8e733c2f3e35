/** Which models are streamed with which budgets. */
import { ggufFile, mixtureFile } from '../../models/model-files.ts';
import { denseCases, fullWidth, halfWidth } from '../shapes.ts';
import { textOfNeighbours, textOfStrangers } from '../texts.ts';
import type { StreamingCase } from './streaming-case.ts';

export const denseStreaming: readonly StreamingCase[] = denseCases.map(({ shape, type }) => ({
  name: `dense ${shape.name} ${type}, budget 50 %`,
  model: () => ggufFile(shape, type),
  budgetShare: 0.5,
  text: textOfStrangers,
  warmTokens: 2,
  turnTokens: 8,
  peerTurnTokens: 4,
  ratio: null,
  hasExperts: false,
}));

const mixture = {
  text: textOfNeighbours,
  warmTokens: 256,
  turnTokens: 32,
  peerTurnTokens: 6,
  hasExperts: true,
};

const halfWidthAt = (budgetShare: number): StreamingCase => ({
  ...mixture,
  name: `mixture of half width Q8_0, budget ${100 * budgetShare} %`,
  model: ({ gigabytes }) => {
    const { shape, type } = halfWidth(gigabytes);
    return mixtureFile(shape, type);
  },
  budgetShare,
  ratio: 2.5,
});

export const mixtureStreaming: readonly StreamingCase[] = [
  halfWidthAt(0.25),
  halfWidthAt(0.5),
  {
    ...mixture,
    name: 'mixture of full width Q4_K, budget 50 %',
    model: () => mixtureFile(fullWidth.shape, fullWidth.type),
    budgetShare: 0.5,
    ratio: 2.5,
  },
];
