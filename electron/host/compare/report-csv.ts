/** Figures as comma-separated values (RFC 4180). */
import type { CompareResult } from '../../contract/compare.ts';

type Cell = string | number | null | undefined;

const heads = [
  'label', 'model', 'identity', 'precision', 'weights_bytes', 'parameters', 'bits_per_weight', 'engine', 'arithmetic', 'kernels', 'kv_codec',
  'residency', 'threads', 'load_ms', 'first_token_ms', 'prefill_tokens_per_second', 'decode_tokens_per_second', 'peak_bytes', 'kv_bytes',
  'reply_mean_kl', 'first_divergence', 'perplexity', 'perplexity_low', 'perplexity_high', 'mean_kl', 'mean_kl_low', 'mean_kl_high', 'median_kl',
  'p99_kl', 'max_kl', 'top_1_agreement', 'top_1_low', 'top_1_high', 'tokens', 'reply',
]; // prettier-ignore

/** A row for each variant; what is not known of one is empty. */
export function comparisonCsv({ columns, forced, quality }: CompareResult): string {
  const rows = columns.map((column, i) => {
    const { speed } = column;
    const { perplexity, kl, topOneAgreement } = quality?.columns[i] ?? {};
    const read = forced.variants[i - 1];
    return [
      ...[
        column.label,
        column.name,
        column.identity,
        column.precision,
        column.weightsBytes,
        column.parameters,
      ],
      ...[
        column.bitsPerWeight,
        column.engine,
        column.arithmetic,
        column.kernels,
        column.kvCodec,
        column.residency,
      ],
      ...[column.threads, speed.loadMs, speed.firstTokenMs, speed.prefillTokensPerSecond],
      ...[speed.decodeTokensPerSecond, speed.peakBytes, speed.kvBytes, read?.meanKl, read?.firstDivergence],
      ...[perplexity?.value, perplexity?.low, perplexity?.high, kl?.mean.value, kl?.mean.low, kl?.mean.high],
      ...[kl?.median, kl?.p99, kl?.max, topOneAgreement?.value, topOneAgreement?.low, topOneAgreement?.high],
      ...[quality?.tokens, column.reply.text],
    ];
  });
  return csv([heads, ...rows]);
}

/** A row for each number and text, by its place among the figures. */
export function figuresCsv(figures: object): string {
  return csv([['figure', 'value'], ...leaves(figures)]);
}

export function leaves(value: unknown, place = ''): [string, Cell][] {
  if (typeof value !== 'object' || value === null) return [[place, value as Cell]];
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner, place === '' ? name : `${place}.${name}`),
  );
}

function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

/** Quoted where it must be. A text that a table program would take for a formula begins with an apostrophe. */
function cell(value: Cell): string {
  if (typeof value !== 'string') return value === null || value === undefined ? '' : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
