import { randomBytes } from 'node:crypto';
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nativeAddon, type NativeReads } from '../../electron/engine/native/addon.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const fileBytes = 2 ** 20;

function replayOf(changes: Partial<NativeReads & { fileBytes: number; depth: number }> = {}) {
  const path = join(realpathSync(temporaryFolder()), 'weights');
  writeFileSync(path, randomBytes(fileBytes));
  return {
    path,
    fileBytes,
    depth: 4,
    offsets: Float64Array.of(0, 65_536, 8192),
    bytes: Float64Array.of(4096, 131_072, 8192),
    pending: Int32Array.of(0, 1, 0),
    ...changes,
  };
}

it('reads are made again, and take a while', async () => {
  const seconds = await nativeAddon().replayReads(replayOf());
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThan(60);
});

it('a replay that is cancelled rejects', async () => {
  const addon = nativeAddon();
  const cancellation = new addon.NativeCancellation();
  cancellation.cancel();
  await expect(addon.replayReads(replayOf(), cancellation)).rejects.toMatchObject({ code: 'cancelled' });
});

it.each<[string, Parameters<typeof replayOf>[0], string]>([
  [
    'no reads',
    { offsets: new Float64Array(), bytes: new Float64Array(), pending: new Int32Array() },
    'bad-request',
  ],
  ['a place that is no whole page', { offsets: Float64Array.of(0, 1, 8192) }, 'bad-request'],
  ['a place behind the end', { offsets: Float64Array.of(0, fileBytes, 8192) }, 'bad-request'],
  ['an empty read', { bytes: Float64Array.of(4096, 0, 4096) }, 'bad-request'],
  ['more than the buffers may take', { bytes: Float64Array.of(4096, 2 ** 40, 4096) }, 'bad-request'],
  ['a depth of 0', { depth: 0 }, 'bad-request'],
  ['another size than the file has', { fileBytes: fileBytes + 4096 }, 'bad-file'],
])('%s: the replay is refused', async (_, changes, code) => {
  await expect(nativeAddon().replayReads(replayOf(changes))).rejects.toMatchObject({ code });
});

it('arguments of a wrong type are refused', () => {
  const addon = nativeAddon() as unknown as { replayReads(...given: unknown[]): unknown };
  const wrong: unknown[][] = [
    [],
    [{}],
    [{ ...replayOf(), offsets: [0, 1, 2] }],
    [replayOf({ offsets: Float64Array.of(0, -4096, 8192) })],
    [replayOf({ offsets: Float64Array.of(0, NaN, 8192) })],
    [replayOf({ bytes: Float64Array.of(4096, 0.5, 4096) })],
    [replayOf({ bytes: Float64Array.of(4096) })],
    [replayOf({ pending: Int32Array.of(0, -1, 0) })],
    [replayOf(), {}],
  ];
  for (const given of wrong) {
    expect(() => addon.replayReads(...given)).toThrow(expect.objectContaining({ code: 'bad-request' }));
  }
});
