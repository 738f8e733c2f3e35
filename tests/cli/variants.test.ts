/** Packs and quantized variants as a person makes them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { json, llama, useCliHome } from '../helpers/cli-home.ts';

const home = useCliHome();

test('quantize says what it would make, makes both variants, names them in the library, and both run', async () => {
  const folder = join(home.path, 'variants');
  const asked = ['quantize', llama, '--recipe', 'q4', '--out', folder];
  const estimate = await home.retort(...asked, '--estimate');
  expect(estimate.stdout).toMatch(
    /^q4-g32: .*\n4\.50 bits.*\n.*llama-q4-g32\.retortpack: at most [\d.]+ KiB\n/,
  );
  expect(existsSync(folder)).toBe(false);
  const made = json(await home.retort(...asked, '--add', '--json'));
  expect(made).toMatchObject({
    recipe: 'q4-g32',
    bitsPerWeight: 4.5,
    jobId: expect.any(String) as string,
    requantized: [],
    added: ['llama-q4-g32', 'llama-q4-g32-onnx'],
    variants: [
      { format: 'pack', out: join(folder, 'llama-q4-g32.retortpack'), resumedBytes: 0 },
      { format: 'onnx', out: join(folder, 'llama-q4-g32'), resumedBytes: 0 },
    ],
  });
  expect((await home.retort('inspect', 'llama-q4-g32')).stdout).toMatch(
    /made of\s+llama, safetensors, by q4-g32/,
  );
  const draw = ['--ids', '1,2,3', '--greedy', '--max-tokens', '8', '--arithmetic', 'reference', '--json'];
  const pack = json(await home.retort('run', 'llama-q4-g32', ...draw));
  const onnx = json(await home.retort('run', 'llama-q4-g32-onnx', ...draw));
  expect([pack['engine'], onnx['engine']]).toEqual(['native', 'onnx']);
  expect(onnx['ids']).toEqual(pack['ids']);
  // What is there whole is not made again, nor named again.
  const again = json(await home.retort(...asked, '--add', '--json'));
  expect(again['added']).toEqual(made['added']);
  expect(again['variants']).toEqual(
    (made['variants'] as { bytes: number }[]).map((variant) => ({ ...variant, resumedBytes: variant.bytes })),
  );
  const other = await home.retort(...asked, '--arithmetic', 'fast');
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('llama-q4-g32 is there already');
  for (const name of ['llama-q4-g32', 'llama-q4-g32-onnx']) {
    expect((await home.retort('models', 'remove', name)).code).toBe(0);
  }
}, 120_000);

test('pack writes a pack that is inspected, added, verified, and refused where it is damaged', async () => {
  const out = join(home.path, 'tiny.retortpack');
  const result = json(await home.retort('pack', llama, '--out', out, '--json'));
  expect(result).toEqual({
    out,
    identity: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    bytes: readFileSync(out).length,
    records: expect.any(Number) as number,
    resumedBytes: 0,
    jobId: expect.any(String) as string,
  });
  expect(json(await home.retort('inspect', out, '--json'))).toMatchObject({
    format: 'pack',
    packOf: { name: 'llama', format: 'safetensors' },
    identity: result['identity'],
    layers: 3,
  });
  expect((await home.retort('inspect', out)).stdout).toMatch(/made of\s+llama, safetensors/);
  expect(json(await home.retort('models', 'add', out, '--json'))).toMatchObject({
    name: 'tiny',
    format: 'pack',
  });
  expect(json(await home.retort('models', 'verify', 'tiny', '--json'))).toEqual({
    path: out,
    records: result['records'],
    bytes: expect.any(Number) as number,
  });
  const { stdout } = await home.retort('models', 'verify', out);
  expect(stdout).toMatch(/tiny\.retortpack is sound: \d+ records, .* KiB\./);
  const again = await home.retort('pack', llama, '--out', out);
  expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 2, stdout: '' });
  expect(json(await home.retort('run', out, '--ids', '1', '--engine', 'onnx', '--json'))).toMatchObject({
    error: { code: 'unsupported-feature' },
  });
  const drawn = (...args: string[]) =>
    home.retort('run', ...args, '--ids', '1,2,3', '--greedy', '--max-tokens', '8', '--json');
  const resident = json(await drawn(llama));
  for (const budget of [[], ['--memory-budget', '1.5GiB'], ['--memory-budget', '16000000']]) {
    expect(json(await drawn(out, ...budget))['ids']).toEqual(resident['ids']);
  }
  const refused = await drawn(out, '--memory-budget', '2MB');
  expect(refused.code).toBe(2);
  expect(json(refused)).toMatchObject({ error: { detail: { minimumBytes: expect.any(Number) as number } } });
  const bytes = readFileSync(out);
  bytes[4096]! ^= 1;
  writeFileSync(out, bytes);
  const damaged = await home.retort('models', 'verify', out, '--json');
  expect(damaged.code).toBe(4);
  expect(json(damaged)).toMatchObject({ error: { code: 'bad-file', detail: { offset: 4096 } } });
  expect((await home.retort('models', 'remove', 'tiny')).code).toBe(0);
}, 120_000);
