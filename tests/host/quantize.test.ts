/** Quantizing as a job of the host. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drain } from '../../electron/contract/rpc-client.ts';
import { startHost, startPageHost, tinyModel } from '../helpers/test-host.ts';

test('of several that are begun at the same time for one folder one is done, the others are refused and are no jobs', async () => {
  const { client, home } = startHost();
  const out = join(home, 'variants');
  const request = {
    ...{ model: tinyModel('llama'), out, threads: 1, add: false, recipe: 'q4-g32' },
    ...{ formats: ['pack' as const, 'onnx' as const], arithmetic: 'reference' as const, isEstimate: false },
  };
  const ends = await Promise.allSettled([1, 2, 3].map(() => drain(client.quantize(request))));
  const refused = ends.filter((end) => end.status === 'rejected');
  expect(refused.map(({ reason }) => (reason as Error).message)).toEqual(
    Array(2).fill(expect.stringMatching(/^Job \S+ is quantizing into .* now: wait for it/)),
  );
  expect(await client.listJobs({})).toMatchObject([{ kind: 'quantize', state: 'done' }]);
  expect(readdirSync(out).filter((name) => name.startsWith('.partial-'))).toEqual([]);
});

test('pages are told of jobs of the command line without the places of their files', async () => {
  const { client, page, home } = await startPageHost();
  const out = join(home, 'variants');
  const request = {
    ...{ model: tinyModel('llama'), out, threads: 1, add: false, recipe: 'q4-g32' },
    ...{ formats: ['onnx' as const], arithmetic: 'reference' as const, isEstimate: false },
  };
  await drain(client.quantize(request));
  await expect(drain(client.quantize({ ...request, arithmetic: 'fast' }))).rejects.toThrow(
    `${join(out, 'llama-q4-g32')} is there already`,
  );
  const jobs = await page.listJobs({});
  expect(jobs.map(({ title, state }) => [title, state])).toEqual([
    ['llama → q4-g32 → variants', 'failed'],
    ['llama → q4-g32 → variants', 'done'],
  ]);
  expect(JSON.stringify(jobs)).not.toContain(home);
});

test('variants of a model of the library are titled by its title and the recipe', async () => {
  const { client, home } = startHost();
  const { title } = await client.addModel({ path: tinyModel('llama').path, name: 'tiny' });
  const request = {
    ...{ model: { name: 'tiny', path: null }, out: join(home, 'variants'), threads: 1, add: true },
    ...{ recipe: 'q4', formats: ['pack' as const, 'onnx' as const] },
    ...{ arithmetic: 'reference' as const, isEstimate: false },
  };
  expect((await drain(client.quantize(request))).added).toEqual(['tiny-q4-g32', 'tiny-q4-g32-onnx']);
  expect((await client.listModels({})).map((model) => model.title)).toEqual(
    expect.arrayContaining([`${title}, q4-g32`, `${title}, q4-g32, onnx`]),
  );
});

test('the same request once more makes nothing and names nothing twice', async () => {
  const { client, home } = startHost();
  const request = {
    ...{ model: tinyModel('llama'), out: join(home, 'variants'), threads: 1, add: true, recipe: 'q4-g32' },
    ...{ formats: ['pack' as const, 'onnx' as const], arithmetic: 'reference' as const, isEstimate: false },
  };
  const first = await drain(client.quantize(request));
  expect(first.added).toEqual(['llama-q4-g32', 'llama-q4-g32-onnx']);
  const again = await drain(client.quantize(request));
  expect(again.added).toEqual(first.added);
  expect(again.variants).toEqual(
    first.variants.map((variant) => ({ ...variant, resumedBytes: variant.bytes })),
  );
  expect((await client.listModels({})).filter(({ bundled }) => !bundled)).toHaveLength(2);
});
