/** The section of docs/benchmarks.md that `npm run bench:flash` writes, and the plots it shows. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { drawPlot, type Plot } from './plot.ts';

const begin = '<!-- bench:flash: what lies between these lines is written by `npm run bench:flash` -->';
const end = '<!-- end of bench:flash -->';

/** Puts `text` between the marks. Throws where the document lacks them. */
export function replaceSection(document: string, text: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The document has no section between "${begin}" and "${end}".`);
  return `${document.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${document.slice(to)}`;
}

/** Writes the section and, in a folder `benchmarks` beside the document, its plots. */
export function writeSection(path: string, table: string, plots: readonly Plot[]): void {
  const folder = join(dirname(path), 'benchmarks');
  mkdirSync(folder, { recursive: true });
  for (const plot of plots) writeFileSync(join(folder, `${plot.name}.svg`), drawPlot(plot));
  const shown = plots.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`);
  const document = readFileSync(path, 'utf8');
  writeFileSync(path, replaceSection(document, [table, ...shown].join('\n\n')));
}
