/** What a long past costs: decode after 8192 positions against decode after 512, and a context of 32768 on the bundled model's shape. */
import { EngineClient } from '../engines/engine-client.ts';
import { ggufFile } from '../models/model-files.ts';
import { llama135m, llama1b } from '../models/shapes.ts';
import { cacheFolder } from '../places.ts';
import { forgetPeak, processMemory } from '../processes.ts';
import { ratios } from '../statistics.ts';
import { atMost, measureRounds, withEngines, type Row } from './row.ts';

const short = 512;
const long = 8192;
const generateTokens = 8;

/** Two processes with the same model, so that both pasts are there at once. */
const longPast: Row = {
  name: `context ${long} against ${short}`,
  run: async (bench) => {
    const path = await ggufFile(llama1b, 'Q4_0');
    const place = { engine: 'retort' as const, path };
    return withEngines(bench, [place, place], async (clients) => {
      const pasts = [short, long];
      for (const [index, promptTokens] of pasts.entries()) {
        await clients[index]!.call('start', { promptTokens, generateTokens });
      }
      const kvBytes = new Map<EngineClient, number>();
      const measured = await measureRounds(bench, clients, async (client) => {
        const turn = await client.call('decode', generateTokens);
        kvBytes.set(client, turn.kvBytes ?? 0);
        return (turn.seconds * 1000) / generateTokens;
      });
      const [before, after] = measured.values as [number[], number[]];
      const addedBytes = kvBytes.get(clients[1]!)! - kvBytes.get(clients[0]!)!;
      const added = after.map((ms, round) => ms - before[round]!);
      const reading = measured.ceilings.map(({ readGBs }) => addedBytes / readGBs / 1e6);
      const quotients = ratios(added, reading);
      return {
        series: [
          { label: `after ${short}`, unit: 'ms/token', values: before },
          { label: `after ${long}`, unit: 'ms/token', values: after },
          { label: 'added', unit: 'ms/token', values: added },
          { label: 'added KV bytes at bandwidth', unit: 'ms', values: reading },
          { label: 'quotient', unit: '', values: quotients },
        ],
        checks: [atMost('added time / (added KV bytes / bandwidth)', quotients, 1.25)],
        notes: [`${llama1b.name} Q4_0, KV of float16, ${(addedBytes / 2 ** 20).toFixed(0)} MiB added`],
        quiet: measured.quiet,
      };
    });
  },
};

const longest = 32_768;
const mebibytes = (bytes: number) => bytes / 2 ** 20;

const longContext: Row = {
  name: `context ${longest} on the bundled shape`,
  run: async ({ threads }) => {
    const path = await ggufFile(llama135m, 'Q4_1');
    const client = new EngineClient('retort');
    try {
      const before = processMemory(client.processId);
      const { weightsBytes } = await client.call('open', { path, threads, cacheFolder });
      if (before) forgetPeak(client.processId);
      const decoded = 32;
      const promptTokens = longest - decoded;
      const prompt = await client.call('start', { promptTokens, generateTokens: decoded });
      const turn = await client.call('decode', decoded);
      const memory = processMemory(client.processId);
      const known = (weightsBytes ?? 0) + (turn.kvBytes ?? 0);
      const beyond = memory && before ? [mebibytes(memory.peak - before.resident - known)] : [];
      return {
        series: [
          { label: 'prefill', unit: 's', values: [prompt.seconds] },
          { label: 'prefill', unit: 'tok/s', values: [promptTokens / prompt.seconds] },
          { label: 'decode', unit: 'tok/s', values: [decoded / turn.seconds] },
          { label: 'peak of the process', unit: 'MiB', values: memory ? [mebibytes(memory.peak)] : [] },
          { label: 'KV', unit: 'MiB', values: [mebibytes(turn.kvBytes ?? 0)] },
          { label: 'beyond weights, KV and the empty process', unit: 'MiB', values: beyond },
        ],
        // Scores of one head at once would be 4 GiB.
        checks: [atMost('MiB beyond weights, KV and the empty process', beyond, 128)],
        notes: ['once, no rounds'],
      };
    } finally {
      await client.close();
    }
  },
};

export const contextRows: readonly Row[] = [longPast, longContext];
