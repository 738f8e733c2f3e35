/**
 * What recording a step costs, as a share of the fastest token there is. Counted are the record that the generation loop makes of each token, and the
 * times that native code takes for it: two a layer (attention, feed-forward), one for the embedding and one for the head.
 */
import { generate } from '../../../electron/engine/generate.ts';
import { SamplingParameters } from '../../../electron/contract/sampling.ts';
import { tableEngine } from '../../helpers/table-engine.ts';
import { llama135m } from '../models/shapes.ts';
import { bundledModel } from '../places.ts';
import { median } from '../statistics.ts';
import { atMost, withEngines, type Row } from './row.ts';

const steps = 20_000;
const generateTokens = 128;

/** Nanoseconds of a whole step where evaluating costs next to nothing. */
async function stepNs(trace: boolean): Promise<number> {
  const logits = Float32Array.of(0, 1, 0, 0);
  const engine = tableEngine({ vocabularySize: 4, contextLength: steps + 1, rowAfter: () => logits });
  const request = {
    ids: [1],
    maxTokens: steps,
    sampling: SamplingParameters.parse({ temperature: 0 }),
    ends: new Set<number>(),
    stops: [],
    continues: false,
    trace,
  };
  const started = performance.now();
  await generate(engine, null, request, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
    emit: () => Promise.resolve(),
  });
  return ((performance.now() - started) * 1e6) / steps;
}

/** Of making one record: the median of several pairs of runs, each of which is longer than chance by little. */
async function recordNs(): Promise<number> {
  const differences: number[] = [];
  for (let pair = 0; pair < 9; pair++) {
    const without = await stepNs(false);
    differences.push((await stepNs(true)) - without);
  }
  return median(differences);
}

const timesPerToken = 2 * llama135m.layers + 2;

export const traceRow: Row = {
  name: 'trace bundled 135M Q4_1',
  run: async (bench) => {
    const place = { engine: 'retort' as const, path: bundledModel };
    const rows = await withEngines(bench, [place], async ([client]) => {
      await client!.call('start', { promptTokens: 32, generateTokens });
      const rounds: { record: number; times: number; token: number }[] = [];
      for (let round = 0; round <= bench.repeat; round++) {
        const record = await recordNs();
        const { seconds } = await client!.call('decode', generateTokens);
        const { stopwatchNs } = await bench.meter.measure();
        const token = (seconds / generateTokens) * 1e9;
        if (round > 0) rounds.push({ record, times: timesPerToken * stopwatchNs, token });
      }
      return rounds;
    });
    const shares = rows.map(({ record, times, token }) => (100 * (record + times)) / token);
    return {
      series: [
        { label: 'one record', unit: 'ns', values: rows.map(({ record }) => record) },
        { label: `${timesPerToken} times`, unit: 'ns', values: rows.map(({ times }) => times) },
        { label: 'token', unit: 'ms', values: rows.map(({ token }) => token / 1e6) },
        { label: 'share', unit: '%', values: shares },
      ],
      checks: [atMost('% of the token', shares, 1)],
      notes: [`1 record and ${timesPerToken} times a token`],
    };
  },
};
