/** What the command line measures and foretells: perplexity, speed, memory, disks. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DiskCurve } from '../../electron/contract/streaming.ts';
import type { Fit } from '../../electron/contract/machine.ts';
import { bundled, json, llama, useCliHome } from '../helpers/cli-home.ts';
import { goldenFolder } from '../helpers/golden.ts';

const home = useCliHome();

test('perplexity takes a text and a reference', async () => {
  const file = join(goldenFolder, 'smollm2', 'text.txt');
  const shape = ['--file', file, '--context', '16', '--tokens', '64', '--arithmetic', 'reference'];
  const alone = json(await home.retort('perplexity', llama, ...shape, '--json'));
  expect(alone).toMatchObject({ tokens: 60, perplexity: expect.any(Number) as number });
  expect(alone).not.toHaveProperty('kl');
  const { stdout } = await home.retort('perplexity', llama, ...shape, '--reference', llama);
  expect(stdout).toContain('same likeliest token: 100.00 %');
});

test('bench measures prefill and decode apart', async () => {
  const args = ['--prompt-tokens', '8', '--generate-tokens', '4', '--repeat', '2', '--threads', '1'];
  const result = json(await home.retort('bench', llama, ...args, '--json'));
  const speeds = { min: expect.any(Number) as number, median: expect.any(Number) as number, max: expect.any(Number) as number };
  expect(result).toMatchObject({
    prefill: { tokensPerSecond: speeds, perToken: { timeNs: { attention: expect.any(Number) as number } } },
    decode: { tokensPerSecond: speeds, perToken: { bytesTouched: expect.any(Number) as number } },
    peakBytes: expect.any(Number) as number,
    threads: 1,
  });
  const { stdout } = await home.retort('bench', llama, ...args);
  expect(stdout).toMatch(/per token, ms: attention [\d.]+, feed-forward .* read at .*; KV cache/);
}); // prettier-ignore

test('estimate says what a pack takes and reads within a budget, and what the latest reply measured', async () => {
  const out = join(home.path, 'estimated.retortpack');
  await home.retort('pack', bundled, '--out', out);
  const settings = ['--memory-budget', '90MiB', '--context', '64', '--threads', '2'];
  const before = json<Fit>(await home.retort('estimate', out, ...settings, '--json'));
  expect(before).toMatchObject({ canStream: true, fits: true, measured: null });
  expect(before.streaming).toMatchObject({ memoryBudgetBytes: 90 * 2 ** 20, hitRate: null });
  expect(before.streaming!.readBytesPerToken).toBeGreaterThan(2 ** 20);
  expect((await home.retort('estimate', out, ...settings)).stdout).toMatch(/^budget +90\.0 MiB, at least/m);
  // Together they are the context that was asked for.
  const prompt = ['--ids', '1,2,3,4,5,6,7,8', '--max-tokens', '56', '--ignore-end', '--greedy'];
  await home.retort('run', out, ...prompt, '--memory-budget', '90MiB', '--threads', '2');
  const after = json<Fit>(await home.retort('estimate', out, ...settings, '--json'));
  const { readBytesPerToken } = after.measured ?? expect.unreachable();
  expect(readBytesPerToken! / before.streaming!.readBytesPerToken).toBeCloseTo(1, 2);
  expect(after.streaming!.computeSecondsPerToken).toBeGreaterThan(0);
  expect((await home.retort('estimate', out, ...settings)).stdout).toMatch(
    /^measured last +[\d.]+ tokens\/s/m,
  );
  const refused = await home.retort('estimate', out, '--memory-budget', '1MiB', '--json');
  expect(json(refused)).toMatchObject({ error: { code: 'bad-request', detail: { field: 'memoryBudget' } } });
  expect(refused.code).toBe(2);
  const whole = (await home.retort('estimate', bundled)).stdout;
  expect(whole).toMatch(/^together +.* fits$/m);
  expect(whole).not.toMatch(/^budget/m);
}, 120_000);

test('a disk is measured once and printed as a table', async () => {
  const first = await home.retort('estimate', '--disk', home.path, '--json');
  if (json<{ error?: { code: string } }>(first).error?.code === 'unsupported-feature') return;
  const { sizes, depths, bytesPerSecond } = json<DiskCurve>(first);
  expect(bytesPerSecond).toHaveLength(sizes.length * depths.length);
  const { stdout, stderr } = await home.retort('estimate', '--disk', home.path);
  expect(stdout).toMatch(/^read +1 in flight +2 in flight/);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1 + sizes.length);
  expect(stderr).toBe('');
  expect((await home.retort('caches', 'list')).stdout).toMatch(/^disk +disk/m);
}, 60_000);
