/** A run as one page that needs nothing else and runs nothing: every text is escaped, and its own policy forbids the rest. */
import type {
  CompareColumn,
  CompareQuality,
  CompareResult,
  CompareWeights,
  Interval,
} from '../../contract/compare.ts';
import { shortLabels } from '../../contract/compare-labels.ts';
import type { PageRun } from '../../contract/page-contract.ts';
import { escaped } from '../escape-html.ts';
import { leaves } from './report-csv.ts';
import { errorMaps, scatter } from './report-charts.ts';
import { tintedReply } from './report-reply.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 0.95rem; margin: 1rem 0 0.25rem; }
.note { color: #777; font-size: 0.85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.text span { border-radius: 2px; }
.first { outline: 2px solid #c33; }
svg { max-width: 100%; height: auto; }
svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
`;

/** `run`: of kind compare; `result`: its figures. */
export function comparisonPage(run: PageRun, result: CompareResult): string {
  const { forced, quality, weights } = result;
  const labels = shortLabels(result.columns.map(({ label }) => label));
  const columns = result.columns.map((column, i) => ({ ...column, label: labels[i]! }));
  return page(run, [
    section('Variants', `<div class="wide">${table(variantHeads, columns.map(variantRow))}</div>`),
    quality ? section('Quality', qualityTable(columns, quality)) : '',
    section('Size against divergence', scatter(columns, result)),
    section(
      'The reference’s reply, read by the others',
      columns
        .slice(1)
        .map((column, i) => tintedReply(column.label, forced, i))
        .join(''),
    ),
    section('Replies of their own', columns.map(ownReply).join('')),
    weights ? section('Weights', weightMaps(columns, weights)) : '',
  ]);
}

/** Any run. */
export function figuresPage(run: PageRun): string {
  const rows = leaves(run.figures).map(([name, value]) => [name, String(value ?? '')]);
  return page(run, [section('Figures', table(['figure', 'value'], rows))]);
}

function page(run: PageRun, sections: readonly string[]): string {
  const title = `${run.kind === 'compare' ? 'Comparison' : run.kind}: ${run.title}`;
  const { machine, versions } = run;
  const facts = [
    new Date(run.at).toISOString(),
    `${machine.cpu}, ${machine.cores} cores, ${gibibytes(machine.memoryBytes)}, ${machine.os}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ];
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${facts.map((fact) => `<div class="note">${escaped(fact)}</div>`).join('\n')}
${sections.filter((text) => text !== '').join('\n')}
</body>
</html>
`;
}

const section = (heading: string, body: string) =>
  `<section>\n<h2>${escaped(heading)}</h2>\n${body}\n</section>`;

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string, cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>\n${line('th', heads)}\n${rows.map((row) => line('td', row)).join('\n')}\n</table>`;
}

const variantHeads = [
  'variant', 'model', 'precision', 'weights', 'bits a weight', 'engine', 'KV cache', 'weights lie', 'prefill, tokens/s', 'decode, tokens/s',
  'first token, ms', 'most memory',
]; // prettier-ignore

function variantRow(column: CompareColumn): string[] {
  const { speed } = column;
  return [
    column.label,
    column.name,
    column.precision,
    mebibytes(column.weightsBytes),
    column.bitsPerWeight.toFixed(2),
    [column.engine, column.arithmetic, column.kernels ?? ''].filter((part) => part !== '').join(' '),
    column.kvCodec,
    column.residency === 'streamed' ? 'on the disk' : 'in memory',
    speed.prefillTokensPerSecond.toFixed(1),
    speed.decodeTokensPerSecond.toFixed(1),
    speed.firstTokenMs.toFixed(0),
    mebibytes(speed.peakBytes),
  ];
}

function qualityTable(
  columns: readonly CompareColumn[],
  { context, windows, tokens, columns: figures }: CompareQuality,
): string {
  const rows = figures.map(({ perplexity, kl, topOneAgreement }, i) => [
    columns[i]?.label ?? '',
    interval(perplexity, 3),
    kl ? interval(kl.mean, 5) : 'reference',
    kl ? kl.median.toFixed(5) : '',
    kl ? kl.p99.toFixed(4) : '',
    kl ? kl.max.toFixed(3) : '',
    topOneAgreement ? interval(topOneAgreement, 2, 100, ' %') : '',
  ]);
  const heads = ['variant', 'perplexity', 'mean KL, nats', 'median', '99 %', 'most', 'same likeliest token'];
  const note = `${tokens} tokens in ${windows} windows of ${context}; ± to 95 %, from blocks of neighbouring tokens. KL(reference ‖ variant) over the whole vocabulary.`;
  return `<div class="wide">${table(heads, rows)}</div>\n<div class="note">${escaped(note)}</div>`;
}

function interval({ value, low, high }: Interval, digits: number, scale = 1, unit = ''): string {
  const text = (number: number) => (scale * number).toFixed(digits);
  return low === null || high === null
    ? `${text(value)}${unit}`
    : `${text(value)}${unit} (${text(low)} to ${text(high)})`;
}

function ownReply({ label, reply }: CompareColumn): string {
  return `<h3>${escaped(label)}</h3>\n<div class="text">${escaped(reply.text)}</div>\n`;
}

function weightMaps(columns: readonly CompareColumn[], weights: CompareWeights): string {
  return columns
    .slice(1)
    .map(({ label }, i) => {
      const hasErrors = weights.errors[i]?.some((error) => error !== null) ?? false;
      const none = '<div class="note">None of its matrices could be compared with the reference’s.</div>';
      return `<h3>${escaped(label)}</h3>\n${hasErrors ? errorMaps(weights, i) : none}`;
    })
    .join('\n');
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
