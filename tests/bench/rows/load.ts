/** Opening a model whose file is in the page cache, each time in a new process. */
import { stat } from 'node:fs/promises';
import { EngineClient, type EngineName } from '../engines/engine-client.ts';
import { ggufFile } from '../models/model-files.ts';
import { randomTypes, type RandomType } from '../models/random-blocks.ts';
import { llama1b } from '../models/shapes.ts';
import { cacheFolder } from '../places.ts';
import { ratios, type Series } from '../statistics.ts';
import { atMost, type Bench, type Row } from './row.ts';

async function load(bench: Bench, engine: EngineName, path: string) {
  const client = new EngineClient(engine);
  try {
    return await client.call('open', { path, threads: bench.threads, cacheFolder });
  } finally {
    await client.close();
  }
}

/** Layouts named with the rows they join are not the file's own. */
const isRepacked = (description: string) => description.includes('×');

const loadOfType = (type: RandomType): Row => ({
  name: `load ${llama1b.name} ${type}`,
  run: async (bench) => {
    const path = await ggufFile(llama1b, type);
    const { size } = await stat(path);
    const [own, peer, copying, reading]: number[][] = [[], [], [], []];
    let description = '';
    for (let round = 0; round <= bench.repeat; round++) {
      const opened = await load(bench, 'retort', path);
      const peerOpened = await load(bench, 'llama-cpp', path);
      const { copyGBs } = await bench.meter.measure();
      const read = await bench.meter.secondsToCopy(path);
      ({ description } = opened);
      if (round === 0) continue;
      own!.push(opened.seconds);
      peer!.push(peerOpened.seconds);
      copying!.push(size / copyGBs / 1e9);
      reading!.push(read);
    }
    const seconds = (label: string, values: number[]): Series => ({ label, unit: 's', values });
    const toCopy = ratios(own!, copying!);
    const toPeer = ratios(own!, peer!);
    return {
      series: [
        seconds('Retort', own!),
        seconds('llama.cpp', peer!),
        seconds('copying at bandwidth', copying!),
        seconds('reading into new memory', reading!),
        { label: 'to copying', unit: '', values: toCopy },
        { label: 'to llama.cpp', unit: '', values: toPeer },
      ],
      checks: isRepacked(description)
        ? [atMost('time / copying', toCopy, 1.5)]
        : [atMost('time / llama.cpp', toPeer, 1)],
      notes: [description],
    };
  },
});

export const loadRows: readonly Row[] = randomTypes.map(loadOfType);
