/** The parts of `npm run bench:flash` that need no streaming. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openModel } from '../../helpers/native-engine.ts';
import { writeRandomMixture, mixtureBytes } from '../models/random-mixture.ts';
import { bundledModel, cacheFolder } from '../places.ts';
import { belady, lfuWithGhosts } from './cache-simulation.ts';
import { replaceSection } from './document.ts';
import { MemoryCap, whyNoCaps } from './memory-cap.ts';
import { drawPlot } from './plot.ts';
import { characterOf, chosenBy, recordRouting, type Routing } from './routing.ts';
import { tinyMixture } from './shapes.ts';
import { textOfNeighbours } from './texts.ts';

function scratchFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'retort-flash-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** One expert a token, one layer. */
const routingOf = (experts: number, chosen: readonly number[]): Routing => ({
  tokens: chosen.length,
  layers: 1,
  experts,
  used: 1,
  chosen: Int32Array.from(chosen),
});

describe('caches replayed', () => {
  const all = { promptTokens: 0, firstCounted: 0 };

  test('LFU keeps what was used more, and remembers those that went', () => {
    // The first 2 takes the place of 0, which was used less than 1. When 0 comes back it has three uses, the last of them later than the three of 1:
    // the second 2 takes the place of 1, and the last 0 is found. Counted anew, 0 would have gone.
    const routing = routingOf(3, [0, 0, 1, 1, 1, 2, 0, 2, 0]);
    expect(lfuWithGhosts(routing, { ...all, slots: 2 }, 1)).toEqual({ hits: 4, misses: 5 });
  });

  test('decay lets the past go', () => {
    const routing = routingOf(3, [0, 0, 0, 0, 1, 2, 1, 2, 1, 2]);
    const hits = (decay: number) => lfuWithGhosts(routing, { ...all, slots: 2 }, decay).hits;
    expect(hits(1)).toBe(3);
    expect(hits(0.3)).toBe(7);
  });

  test('Belady keeps what is used again soonest', () => {
    const routing = routingOf(4, [0, 1, 2, 3, 0, 1, 0, 1]);
    expect(belady(routing, { ...all, slots: 2 })).toEqual({ hits: 3, misses: 5 });
    expect(belady(routing, { ...all, slots: 3 })).toEqual({ hits: 4, misses: 4 });
  });

  test('a prompt is one evaluation, which loads each of its experts once', () => {
    const routing = routingOf(4, [0, 1, 0, 1, 0]);
    const options = { slots: 3, promptTokens: 4, firstCounted: 0 };
    expect(lfuWithGhosts(routing, options, 1)).toEqual({ hits: 1, misses: 2 });
    expect(lfuWithGhosts(routing, { ...options, firstCounted: 4 }, 1)).toEqual({ hits: 1, misses: 0 });
  });

  test('fewer slots than one layer asks for are refused', () => {
    const routing = { ...routingOf(4, [0, 1]), tokens: 1, used: 2 };
    expect(() => belady(routing, { ...all, slots: 1 })).toThrow('1 slots for 2 experts');
  });
});

describe('a mixture with random weights', () => {
  test('asks for experts as its stream has it, and weighs what its shape says', async () => {
    const character = async (constant: number, drift: number) => {
      const shape = { ...tinyMixture, stream: { deviation: 2, constant, drift, persistence: 0.95 } };
      const path = scratchFile('mixture.gguf');
      await writeRandomMixture(path, shape, 'Q8_0', bundledModel);
      const engine = await openModel(path, { arithmetic: 'fast' });
      expect(engine.info.weightsBytes).toBe(mixtureBytes(shape, 'Q8_0').all);
      const session = await engine.createSession({ context: 256 });
      const routing = await recordRouting(session, textOfNeighbours(0, 256));
      expect(new Set(chosenBy(routing, 0, 1)).size).toBe(shape.expertsUsed);
      return characterOf(routing);
    };
    const own = await character(0, 0);
    const skewed = await character(0.5, 0);
    const drifting = await character(0, 0.6);
    expect(skewed.topQuarterShare).toBeGreaterThan(own.topQuarterShare + 0.1);
    expect(skewed.entropyBits).toBeLessThan(own.entropyBits - 0.3);
    expect(drifting.reusedShare).toBeGreaterThan(own.reusedShare + 0.1);
  });
});

describe('what is written', () => {
  test('the section of the document is replaced and nothing else', () => {
    const marks = (text: string) =>
      `# A\n\n<!-- bench:flash: what lies between these lines is written by \`npm run bench:flash\` -->\n\n${text}\n\n<!-- end of bench:flash -->\n\n# B\n`;
    expect(replaceSection(marks('old'), 'new\n')).toBe(marks('new'));
    expect(() => replaceSection('# A', 'new')).toThrow('has no section');
  });

  test('plots are SVG that holds every label, escaped', () => {
    const bars = drawPlot({
      kind: 'bars',
      name: 'a',
      title: 'A < B',
      unit: 's',
      bars: [
        { label: 'one', min: 1, middle: 2, max: 3 },
        { label: 'two', min: 2, middle: 4, max: 6 },
      ],
    });
    expect(bars).toContain('A &lt; B');
    const widths = [...bars.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths[1]).toBeCloseTo(2 * widths[0]!, 0);
    const lines = drawPlot({
      kind: 'lines',
      name: 'b',
      title: 'B',
      xLabel: 'x',
      yLabel: 'y',
      yMax: 100,
      lines: [{ label: 'one', isLine: true, points: [[0, 0], [10, 100]] }],
    }); // prettier-ignore
    expect(lines).toContain('points="56,294 520,34"');
  });
});

const why = whyNoCaps();
describe.skipIf(why !== null)('a memory cap', () => {
  /** Runs a program of Node in the group; returns the signal that ended it. */
  function runIn(cap: MemoryCap, program: string): string | null {
    const { execPath, execArgv } = cap.wrapping;
    const { signal } = spawnSync(execPath!, [...execArgv!, '-e', program]);
    return signal;
  }

  function makeCap(): MemoryCap {
    const cap = MemoryCap.create();
    onTestFinished(() => cap.remove());
    return cap;
  }

  test('tells the highest use, and kills what asks for more', () => {
    const cap = makeCap();
    expect(runIn(cap, 'globalThis.kept = Buffer.alloc(200 * 2 ** 20, 1)')).toBeNull();
    expect(cap.highestUsage).toBeGreaterThan(200 * 2 ** 20);
    cap.setLimit(120 * 2 ** 20);
    cap.forgetPeak();
    expect(cap.failCount).toBe(0);
    expect(runIn(cap, 'globalThis.kept = Buffer.alloc(200 * 2 ** 20, 1)')).toBe('SIGKILL');
    expect(cap.kills).toBe(1);
    expect(cap.failCount).toBeGreaterThan(0);
    expect(cap.highestUsage).toBeLessThanOrEqual(120 * 2 ** 20);
  });

  test('counts the pages of files that are read, and takes them back instead of killing', () => {
    const cap = makeCap();
    mkdirSync(cacheFolder, { recursive: true });
    // On a real disk, where a file's holes take pages too.
    const path = join(mkdtempSync(join(cacheFolder, 'cap-')), 'large');
    onTestFinished(() => rmSync(dirname(path), { recursive: true }));
    writeFileSync(path, '');
    truncateSync(path, 300 * 2 ** 20);
    cap.setLimit(160 * 2 ** 20);
    cap.forgetPeak();
    const read = `const fs = require('fs'); const file = fs.openSync(${JSON.stringify(path)}, 'r');
      const part = Buffer.alloc(2 ** 20); while (fs.readSync(file, part) > 0);`;
    expect(runIn(cap, read)).toBeNull();
    expect(cap.failCount).toBeGreaterThan(0);
    expect(cap.kills).toBe(0);
  });
});
