/**
 * `npm run bench:flash [-- WORD…] [--repeat N] [--threads N] [--gigabytes N] [--json FILE] [--list]`: measures the rows whose names hold every word and
 * prints each as it is done. All rows together are also written into docs/benchmarks.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from '../machine.ts';
import { chosenRows, positive } from '../options.ts';
import { projectFolder } from '../places.ts';
import { formatSeries } from '../statistics.ts';
import { machineLines, tableHead, tableRow } from '../table.ts';
import { writeSection } from './document.ts';
import { whyNoCaps } from './memory-cap.ts';
import { denseStreaming, mixtureStreaming } from './rows/cases.ts';
import { memoryRow } from './rows/memory.ts';
import { promptRow } from './rows/prompt.ts';
import { routingRow } from './rows/routing.ts';
import type { FlashBench, FlashOutcome, FlashRow } from './rows/row.ts';
import { stopRow } from './rows/stop.ts';
import { streamingRow } from './rows/streaming.ts';

const cases = [...denseStreaming, ...mixtureStreaming];
const one = [denseStreaming[0]!, mixtureStreaming[0]!];
const rows: readonly FlashRow[] = [
  ...cases.map(streamingRow),
  routingRow,
  ...one.map(memoryRow),
  ...one.map(stopRow),
  ...mixtureStreaming.map(promptRow),
];

interface FlashResult {
  readonly name: string;
  readonly outcome: FlashOutcome;
}

/** A row that fails is a line of the table too: the others took long. */
async function outcomeOf(row: FlashRow, bench: FlashBench): Promise<FlashOutcome> {
  try {
    return await row.run(bench);
  } catch (error) {
    const [message] = String(error instanceof Error ? error.message : error).split('\n');
    return { series: [], checks: [{ target: 'completes', met: false }], notes: [message!] };
  }
}

async function measure(chosen: readonly FlashRow[], bench: FlashBench): Promise<FlashResult[]> {
  const results: FlashResult[] = [];
  for (const [index, row] of chosen.entries()) {
    console.error(`[${index + 1}/${chosen.length}] ${row.name} …`);
    const outcome = await outcomeOf(row, bench);
    for (const series of outcome.series) console.error(`    ${formatSeries(series)}`);
    for (const note of outcome.notes) console.error(`    ${note}`);
    results.push({ name: row.name, outcome });
  }
  return results;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      repeat: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      gigabytes: { type: 'string', default: '2' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  const chosen = chosenRows(rows, positionals);
  if (values.list) return console.log(chosen.map(({ name }) => name).join('\n'));
  const bench: FlashBench = {
    repeat: positive(values.repeat, 'repeat'),
    threads: positive(values.threads, 'threads'),
    gigabytes: positive(values.gigabytes, 'gigabytes'),
    hasPeers: true,
    whyNoCaps: whyNoCaps(),
  };
  const machine = describeMachine();
  const results = await measure(chosen, bench);
  const table = [machineLines(machine, bench.threads), '', tableHead, ...results.map(tableRow)].join('\n');
  console.log(table);
  if (values.json !== undefined) {
    const all = { machine, ...bench, date: new Date().toISOString(), results };
    writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  if (chosen.length < rows.length) return;
  const plots = results.flatMap(({ outcome }) => outcome.plots ?? []);
  writeSection(join(projectFolder, 'docs', 'benchmarks.md'), table, plots);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
