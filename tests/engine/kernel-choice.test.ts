import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseKernels, type KernelMachine } from '../../electron/engine/native/kernel-choice.ts';
import { nativeAddon } from '../../electron/engine/native/addon.ts';
import { openModel } from '../../electron/engine/open-engine.ts';
import { tinyFolder } from '../helpers/native-engine.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

/** A machine with two sets that take these seconds, and a count of how often they were timed. */
function machineWith(wide: number, narrow: number, changes: Partial<KernelMachine> = {}) {
  const counted = { measurements: 0 };
  const machine: KernelMachine = {
    processor: 'Some Processor',
    version: '1.0.0',
    available: ['wide', 'narrow'],
    measure() {
      counted.measurements += 1;
      return Promise.resolve([
        { kernels: 'wide', decodeSeconds: wide / 4, prefillSeconds: (wide * 3) / 4 },
        { kernels: 'narrow', decodeSeconds: narrow / 2, prefillSeconds: narrow / 2 },
      ]);
    },
    ...changes,
  };
  return { machine, counted };
}

const stored = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'kernels.json'), 'utf8')) as Record<string, unknown>;

describe('the choice of kernels', () => {
  it.each([
    ['the widest where it is the fastest', 1, 2, 'wide'],
    ['the widest where another is faster by chance', 1, 0.97, 'wide'],
    ['another where it is clearly faster', 1, 0.9, 'narrow'],
  ])('is %s', async (_, wide, narrow, expected) => {
    const { machine } = machineWith(wide, narrow);
    expect(await chooseKernels(temporaryFolder(), machine)).toBe(expected);
  });

  it('is measured once, kept with its times and read from then on', async () => {
    const folder = join(temporaryFolder(), 'new');
    const { machine, counted } = machineWith(2, 1);
    for (let i = 0; i < 3; i++) expect(await chooseKernels(folder, machine)).toBe('narrow');
    expect(counted.measurements).toBe(1);
    expect(stored(folder)).toEqual({
      processor: 'Some Processor',
      version: '1.0.0',
      available: ['wide', 'narrow'],
      kernels: 'narrow',
      reason: 'fastest',
      times: [
        { kernels: 'wide', decodeSeconds: 0.5, prefillSeconds: 1.5 },
        { kernels: 'narrow', decodeSeconds: 0.5, prefillSeconds: 0.5 },
      ],
    });
    expect(readdirSync(folder)).toEqual(['kernels.json']);
  });

  it('needs no measurement where one set runs, and says so', async () => {
    const folder = temporaryFolder();
    const { machine, counted } = machineWith(1, 1, { available: ['narrow'] });
    expect(await chooseKernels(folder, machine)).toBe('narrow');
    expect(counted.measurements).toBe(0);
    expect(stored(folder)).toMatchObject({ kernels: 'narrow', reason: 'only one', times: [] });
  });

  it.each([
    ['of another processor', { processor: 'Another Processor' }],
    ['of another version', { version: '0.9.0' }],
    ['of other sets', { available: ['narrow', 'wide'] }],
    ['of more sets', { available: ['wide', 'narrow', 'third'] }],
  ])('%s is made again', async (_, changes) => {
    const folder = temporaryFolder();
    await chooseKernels(folder, machineWith(2, 1, changes).machine);
    const { machine, counted } = machineWith(1, 2);
    expect(await chooseKernels(folder, machine)).toBe('wide');
    expect(counted.measurements).toBe(1);
    expect(stored(folder)).toMatchObject({ processor: 'Some Processor', kernels: 'wide' });
  });

  it.each([
    ['is empty', () => ''],
    ['is cut off', (text: string) => text.slice(0, 40)],
    ['is no object', () => '[]'],
    ['lacks a field', (text: string) => text.replace('"processor"', '"computer"')],
    ['names a set that does not run here', (text: string) => text.replace('"kernels": "wide",\n', '"kernels": "abacus",\n')],
  ])('is made again where its file %s', async (_, damage) => {
    const folder = temporaryFolder();
    await chooseKernels(folder, machineWith(1, 2).machine);
    const file = join(folder, 'kernels.json');
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, damage(whole));
    expect(readFileSync(file, 'utf8')).not.toBe(whole);
    const { machine, counted } = machineWith(1, 2);
    expect(await chooseKernels(folder, machine)).toBe('wide');
    expect(counted.measurements).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe(whole);
  }); // prettier-ignore

  it('may be made by several at once', async () => {
    const folder = temporaryFolder();
    const { machine } = machineWith(2, 1);
    const choices = Array.from({ length: 8 }, () => chooseKernels(folder, machine));
    expect(new Set(await Promise.all(choices))).toEqual(new Set(['narrow']));
    expect(readdirSync(folder)).toEqual(['kernels.json']);
  });

  it.each([
    ['a file', (folder: string) => writeFileSync(join(folder, 'cache'), '')],
    ['taken by a folder in place of the file', (folder: string) => mkdirSync(join(folder, 'cache', 'kernels.json'), { recursive: true })],
  ])('holds for once where the cache folder is %s', async (_, make) => {
    const folder = temporaryFolder();
    make(folder);
    const { machine, counted } = machineWith(2, 1);
    for (let i = 0; i < 2; i++) expect(await chooseKernels(join(folder, 'cache'), machine)).toBe('narrow');
    expect(counted.measurements).toBe(2);
    expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).includes('partial'))).toEqual([]);
  }); // prettier-ignore
});

describe('on this machine', () => {
  const addon = nativeAddon();

  it('every set that runs takes time, turn about, and names that do not run are refused', async () => {
    const sets = addon.kernelSets();
    expect(sets.length).toBeGreaterThan(0);
    const times = await addon.measureKernelSets([...sets, ...sets]);
    expect(times.map(({ kernels }) => kernels)).toEqual([...sets, ...sets]);
    for (const { decodeSeconds, prefillSeconds } of times) {
      expect(decodeSeconds).toBeGreaterThan(0);
      expect(prefillSeconds).toBeGreaterThan(decodeSeconds);
      expect(prefillSeconds).toBeLessThan(60);
    }
    expect(() => addon.measureKernelSets(['abacus'])).toThrow('there is no set "abacus"');
  });

  it.each([
    undefined,
    'avx2',
    { length: 1, 0: 'scalar' },
    [7],
    [Symbol('s')],
    Array<string>(17).fill('scalar'),
  ])('sets are asked for as a short list of names, not as %s', (names) => {
    expect(() => addon.measureKernelSets(names as string[])).toThrow(/\[arguments\] names: /);
  });

  it('a model opens with the choice and leaves it in the cache folder', async () => {
    const cacheFolder = temporaryFolder();
    const hooks = { signal: new AbortController().signal, onProgress: () => undefined };
    const request = {
      path: tinyFolder('llama'),
      engine: 'native',
      arithmetic: null,
      device: 'cpu',
      kvCodec: null,
      memoryBudget: null,
    } as const;
    const kernels = async () => {
      const { engine, info } = await openModel({ ...request, threads: 1, cacheFolder }, hooks);
      await engine.close();
      return info.versions['kernels'];
    };
    const chosen = await kernels();
    expect(addon.kernelSets()).toContain(chosen);
    expect(stored(cacheFolder)).toMatchObject({ kernels: chosen, version: addon.version });
    expect(existsSync(join(cacheFolder, 'graphs'))).toBe(false);
    expect(await kernels()).toBe(chosen);
  });
});
