import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Caches } from '../../electron/host/caches/caches.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

function cacheFolder(names: readonly string[]) {
  const folder = temporaryFolder();
  for (const name of names) {
    mkdirSync(join(folder, 'graphs', name), { recursive: true });
    writeFileSync(join(folder, 'graphs', name, 'weights.bin'), Buffer.alloc(1000));
  }
  return { caches: new Caches(folder), names: () => readdirSync(join(folder, 'graphs')) };
}

test('caches are listed with their sizes and removed one by one', async () => {
  const { caches, names } = cacheFolder(['onnx-aa-fast-v1', 'onnx-bb-fast-v1']);
  expect(await caches.list()).toMatchObject([
    { id: 'onnx-aa-fast-v1', kind: 'graph', bytes: 1000 },
    { id: 'onnx-bb-fast-v1', kind: 'graph', bytes: 1000 },
  ]);
  await caches.remove('onnx-aa-fast-v1');
  expect(names()).toEqual(['onnx-bb-fast-v1']);
});

test('the choice of kernels is listed and removed beside graphs', async () => {
  const { caches, names } = cacheFolder(['onnx-aa-fast-v1']);
  writeFileSync(join(caches.folder, 'kernels.json'), '{}\n');
  writeFileSync(join(caches.folder, 'kernels.json.partial-4194304-00ff'), '');
  expect(await caches.list()).toMatchObject([
    { id: 'kernels', kind: 'kernels', bytes: 3 },
    { id: 'onnx-aa-fast-v1', kind: 'graph' },
  ]);
  expect(readdirSync(caches.folder).toSorted()).toEqual(['graphs', 'kernels.json']);
  expect(await caches.remove('kernels')).toMatchObject({ kind: 'kernels' });
  expect(existsSync(join(caches.folder, 'kernels.json'))).toBe(false);
  expect(names()).toEqual(['onnx-aa-fast-v1']);
  await expect(caches.remove('kernels')).rejects.toMatchObject({ code: 'not-found' });
});

test('what was measured of disks is listed and removed like the choice of kernels', async () => {
  const { caches } = cacheFolder([]);
  writeFileSync(join(caches.folder, 'disk.json'), '{"disks": []}\n');
  writeFileSync(join(caches.folder, 'kernels.json'), '{}\n');
  expect(await caches.list()).toMatchObject([
    { id: 'disk', kind: 'disk', bytes: 14 },
    { id: 'kernels', kind: 'kernels' },
  ]);
  expect(await caches.remove('disk')).toMatchObject({ kind: 'disk' });
  expect(await caches.list()).toMatchObject([{ id: 'kernels' }]);
});

test('what a dead process left half built is deleted, what a living one builds is kept', async () => {
  const living = `onnx-aa-fast-v1.partial-${process.pid}-00ff`;
  const { caches, names } = cacheFolder([living, 'onnx-aa-fast-v1.partial-4194304-00ff']);
  expect(await caches.list()).toMatchObject([{ kind: 'unfinished' }]);
  expect(names()).toEqual([living]);
});

test('a cache that is being built and one that does not exist cannot be removed', async () => {
  const living = `onnx-aa-fast-v1.partial-${process.pid}-00ff`;
  const { caches, names } = cacheFolder([living]);
  const [cache] = await caches.list();
  await expect(caches.remove(cache?.id ?? '')).rejects.toMatchObject({ code: 'bad-request' });
  await expect(caches.remove('none')).rejects.toMatchObject({ code: 'not-found' });
  expect(names()).toEqual([living]);
});

test('a cache folder that does not exist holds nothing', async () => {
  expect(await new Caches(join(temporaryFolder(), 'none')).list()).toEqual([]);
});
