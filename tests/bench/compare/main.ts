/**
 * `npm run bench:compare [-- --tokens N] [--arithmetic fast|reference] [--threads N]`: what comparing three variants of the bundled model on a long text
 * costs beside their forward passes alone. Each window is read twice, in turns: in lock-step with all that a comparison counts, and by one engine after the
 * other in the same chunks with nothing done to the logits. The variants differ in the KV cache: f32 (the reference), f16, q8; with --arithmetic
 * reference the first also computes in float32.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { WindowScores } from '../../../electron/contract/compare-figures.ts';
import type { Engine } from '../../../electron/engine/engine.ts';
import { openNativeEngine } from '../../../electron/engine/native/open.ts';
import { loadTokenizer } from '../../../electron/engine/text/tokenizer.ts';
import { readModelSource } from '../../../electron/formats/open-source.ts';
import { qualityOf } from '../../../electron/lab/compare/quality.ts';
import { chunkRows } from '../../../electron/lab/lock-step.ts';
import { windowsOf } from '../../../electron/lab/perplexity.ts';
import { scoreWindow } from '../../../electron/lab/window-scores.ts';
import { resolveModel } from '../../../models/families/index.ts';
import { bundledModel } from '../places.ts';
import { formatSeries, ratios } from '../statistics.ts';
import { longText } from './prepare-text.ts';

const context = 512;
const limit = 1.1;

/** Seconds by the clock, and of processors: where others use the machine too, the second says what the first cannot. */
interface Cost {
  readonly clock: number;
  readonly processors: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { clock: (performance.now() - started) / 1000, processors: (user + system) / 1e6 };
}

/** The same chunks and rows as in lock-step; the logits are dropped. */
async function forward(engine: Engine, ids: Int32Array): Promise<void> {
  const session = await engine.createSession({ context: ids.length });
  const rows = chunkRows(engine.info.vocabularySize);
  for (let start = 0; start < ids.length - 1; start += rows) {
    await session.evaluate({ ids: ids.subarray(start, Math.min(start + rows, ids.length - 1)), rows: 'all' });
  }
  session.close();
}

/** How many times the forward passes a comparison costs. */
function report(
  kind: keyof Cost,
  compared: readonly Cost[],
  alone: readonly Cost[],
  windows: number,
): number {
  const [left, right] = [compared, alone].map((costs) => costs.map((cost) => cost[kind]));
  const [own, others] = [left!, right!].map((seconds) => seconds.reduce((total, value) => total + value, 0));
  console.log(`seconds of ${kind === 'clock' ? 'the clock' : 'processors'}:`);
  console.log(formatSeries({ label: '  compared, a window', unit: 's', values: left! }));
  console.log(formatSeries({ label: '  forward passes, a window', unit: 's', values: right! }));
  console.log(formatSeries({ label: '  ratio within a window', unit: '', values: ratios(left!, right!) }));
  const ratio = own! / others!;
  console.log(
    `  ${windows * context} tokens: ${own!.toFixed(1)} s against ${others!.toFixed(1)} s, ${ratio.toFixed(3)} times (goal: ${limit})`,
  );
  return ratio;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      tokens: { type: 'string', default: '20000' },
      threads: { type: 'string', default: '2' },
      arithmetic: { type: 'string', default: 'fast' },
    },
  });
  const source = await readModelSource(bundledModel);
  const tokenizer = loadTokenizer(source.tokenizer!, source.special);
  const encoded = tokenizer.encode(readFileSync(longText(), 'utf8'), { special: false, addBos: false });
  const windows = windowsOf([...encoded].slice(0, Number(values.tokens)), context);
  const engines: Engine[] = [];
  for (const kvCodec of ['f32', 'f16', 'q8'] as const) {
    const arithmetic = kvCodec === 'f32' && values.arithmetic === 'reference' ? 'reference' : 'fast';
    const options = { arithmetic, threads: Number(values.threads), kvCodec } as const;
    engines.push(await openNativeEngine(source, resolveModel(source), options));
  }
  const hooks = { signal: new AbortController().signal, report: () => undefined };
  const [compared, alone]: [Cost[], Cost[]] = [[], []];
  const scores: WindowScores[] = [];
  for (const [index, ids] of windows.entries()) {
    const compare = async () =>
      compared.push(await costOf(async () => scores.push(await scoreWindow(engines, ids, 1, hooks))));
    const passes = async () =>
      alone.push(
        await costOf(async () => {
          for (const engine of engines) await forward(engine, ids);
        }),
      );
    // Who is first in a window changes.
    for (const turn of index % 2 === 0 ? [compare, passes] : [passes, compare]) await turn();
    const [own, others] = [compared.at(-1)!, alone.at(-1)!];
    console.error(
      `window ${index + 1} of ${windows.length}: ${own.clock.toFixed(2)} s, ${others.clock.toFixed(2)} s`,
    );
  }
  const wholes = (['clock', 'processors'] as const).map((kind) =>
    report(kind, compared, alone, windows.length),
  );
  for (const { perplexity, kl, topOneAgreement } of qualityOf(scores, context).columns) {
    console.log(JSON.stringify({ perplexity, meanKl: kl?.mean ?? null, topOneAgreement }));
  }
  for (const engine of engines) await engine.close();
  if (Math.min(...wholes) > limit) process.exitCode = 1;
}

await main();
