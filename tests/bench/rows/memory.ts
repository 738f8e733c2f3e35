/** Memory beyond weights and KV cache while 512 tokens are prefilled and 32 decoded. */
import { EngineClient } from '../engines/engine-client.ts';
import { ggufFile } from '../models/model-files.ts';
import { llama1b } from '../models/shapes.ts';
import { bundledModel, cacheFolder } from '../places.ts';
import { forgetPeak, processMemory, type ProcessMemory } from '../processes.ts';
import { atMost, type Row } from './row.ts';

const generateTokens = 32;
const mebibytes = (bytes: number) => bytes / 2 ** 20;

function memoryOf({ processId }: EngineClient): ProcessMemory {
  const memory = processMemory(processId);
  if (!memory) throw new Error('this system does not tell the memory of a process');
  return memory;
}

const memoryRow = (name: string, pathOf: () => Promise<string>): Row => ({
  name: `memory ${name}`,
  run: async ({ threads }) => {
    const path = await pathOf();
    const client = new EngineClient('retort');
    try {
      const scriptBefore = await client.call('scriptBytes', undefined);
      const empty = memoryOf(client);
      const { weightsBytes } = await client.call('open', { path, threads, cacheFolder });
      const loaded = memoryOf(client);
      forgetPeak(client.processId);
      await client.call('start', { promptTokens: 512, generateTokens });
      const { kvBytes } = await client.call('decode', generateTokens);
      const { peak } = memoryOf(client);
      const script = (await client.call('scriptBytes', undefined)) - scriptBefore;
      const [weights, kv] = [weightsBytes ?? 0, kvBytes ?? 0];
      const beyond = peak - empty.resident - script - weights - kv;
      const parts: readonly (readonly [label: string, bytes: number])[] = [
        ['native beyond weights and KV', beyond],
        ['of it while at work', peak - loaded.resident - kv],
        ['weights', weights],
        ['KV', kv],
        ['growth of JavaScript', script],
        ['the empty process', empty.resident],
        ['peak at work', peak],
        ['peak while loading', loaded.peak],
      ];
      return {
        series: parts.map(([label, bytes]) => ({ label, unit: 'MiB', values: [mebibytes(bytes)] })),
        checks: [atMost('native MiB beyond weights and KV', [mebibytes(beyond)], 64)],
        notes: [
          'the first: peak at work less the empty process, the growth of JavaScript’s heap and buffers, weights and KV',
        ],
      };
    } finally {
      await client.close();
    }
  },
});

export const memoryRows: readonly Row[] = [
  memoryRow(`${llama1b.name} Q4_0`, () => ggufFile(llama1b, 'Q4_0')),
  memoryRow('bundled 135M Q4_1', () => Promise.resolve(bundledModel)),
];
