/**
 * `npm run bench:peers [-- WORD…] [--repeat N] [--threads N] [--json FILE] [--list]`: measures the rows whose names hold every word, prints each as
 * it is done and the whole as a Markdown table.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CeilingMeter } from './ceilings.ts';
import { describeMachine } from './machine.ts';
import { chosenRows, positive } from './options.ts';
import { cacheRow } from './rows/cache.ts';
import { contextRows } from './rows/context.ts';
import { loadRows } from './rows/load.ts';
import { memoryRows } from './rows/memory.ts';
import type { Row } from './rows/row.ts';
import { speedRows } from './rows/speed.ts';
import { traceRow } from './rows/trace.ts';
import { formatSeries } from './statistics.ts';
import { machineLines, tableHead, tableRow, type Result } from './table.ts';

const rows: readonly Row[] = [...speedRows, ...contextRows, ...loadRows, ...memoryRows, traceRow, cacheRow];

async function measure(chosen: readonly Row[], repeat: number, threads: number): Promise<Result[]> {
  const meter = new CeilingMeter(threads);
  const results: Result[] = [];
  try {
    for (const [index, row] of chosen.entries()) {
      console.error(`[${index + 1}/${chosen.length}] ${row.name} …`);
      const outcome = await row.run({ repeat, threads, meter });
      for (const series of outcome.series) console.error(`    ${formatSeries(series)}`);
      results.push({ name: row.name, outcome });
    }
  } finally {
    meter.close();
  }
  return results;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      repeat: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  const chosen = chosenRows(rows, positionals);
  if (values.list) return console.log(chosen.map(({ name }) => name).join('\n'));
  const [repeat, threads] = [positive(values.repeat, 'repeat'), positive(values.threads, 'threads')];
  const machine = describeMachine();
  const results = await measure(chosen, repeat, threads);
  console.log([machineLines(machine, threads), '', tableHead, ...results.map(tableRow)].join('\n'));
  if (values.json !== undefined) {
    const all = { machine, threads, repeat, date: new Date().toISOString(), results };
    writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
