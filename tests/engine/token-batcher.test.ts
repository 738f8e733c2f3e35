import { expect, test } from 'vitest';
import type { TokenBatch } from '../../electron/contract/reply.ts';
import { TokenBatcher } from '../../electron/engine/token-batcher.ts';
import { eventually } from '../helpers/eventually.ts';

const token = (id: number) => ({ id, text: `${id} `, piece: `${id}` });
const idsOf = (batches: readonly TokenBatch[]) => batches.map(({ ids }) => ids);

test('the first token goes at once; those of the same frame go together, without waiting for another', async () => {
  const sent: TokenBatch[] = [];
  const batcher = new TokenBatcher((batch) => {
    sent.push(batch);
    return Promise.resolve();
  });
  batcher.add(token(1), null);
  await batcher.sendDue();
  expect(idsOf(sent)).toEqual([[1]]);
  for (const id of [2, 3]) {
    batcher.add(token(id), null);
    await batcher.sendDue();
  }
  expect(idsOf(sent)).toEqual([[1]]);
  await eventually(() => expect(idsOf(sent)).toEqual([[1], [2, 3]]));
  await batcher.finish();
  expect(sent.map(({ number, text }) => [number, text])).toEqual([
    [0, '1 '],
    [1, '2 3 '],
  ]);
});

test('a slow reader gets what came meanwhile in one piece, and an end waits until all of it was taken', async () => {
  const sent: TokenBatch[] = [];
  let release = () => undefined as void;
  const batcher = new TokenBatcher((batch) => {
    sent.push(batch);
    return new Promise<void>((resolve) => (release = resolve));
  });
  batcher.add(token(0), null);
  await batcher.sendDue();
  for (let id = 1; id < 9; id += 1) {
    batcher.add(token(id), null);
    await batcher.sendDue();
  }
  let hasFinished = false;
  const finished = batcher.finish().then(() => (hasFinished = true));
  release();
  await eventually(() => expect(idsOf(sent)).toEqual([[0], [1, 2, 3, 4, 5, 6, 7, 8]]));
  expect(hasFinished).toBe(false);
  release();
  await finished;
});
