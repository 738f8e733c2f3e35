/** A comparison on a terminal. */
import type { CompareEvent, CompareResult, Interval } from '../contract/compare.ts';
import { errorTable, toLabError } from '../contract/errors.ts';
import type { CompareDone } from '../contract/host-contract.ts';
import { drain } from '../contract/rpc-client.ts';
import type { StreamCall } from '../contract/rpc.ts';
import { byteText, table, type Output } from './output.ts';

/** Shows progress; where it is left before its end, says how to go on with it. */
export async function followComparison(
  call: StreamCall<CompareEvent, CompareDone>,
  output: Output,
): Promise<CompareDone> {
  let jobId: string | null = null;
  try {
    const done = await drain(call, (event) => {
      if (event.type === 'progress') output.progress(event.progress);
      else if (event.type === 'begun') jobId = event.jobId;
    });
    output.clearProgress();
    return done;
  } catch (error) {
    const { code } = toLabError(error);
    if (jobId !== null && (code === 'cancelled' || errorTable[code].retry)) {
      output.note(`What is done is kept: go on by retort jobs resume ${String(jobId)}.`);
    }
    throw error;
  }
}

export function comparisonText({ result, runId }: CompareDone): string {
  const parts = [variantTable(result), ...repliesOf(result), `run ${runId}`];
  if (result.quality) parts.splice(1, 0, qualityTable(result));
  return parts.join('\n\n');
}

function variantTable({ columns, forced }: CompareResult): string {
  const rows = columns.map(
    ({ label, precision, weightsBytes, bitsPerWeight, engine, arithmetic, kvCodec, speed }, i) => {
      const read = forced.variants[i - 1];
      return [
        label,
        precision.split(',')[0] ?? '',
        byteText(weightsBytes),
        bitsPerWeight.toFixed(2),
        `${engine} ${arithmetic} ${kvCodec}`,
        speed.prefillTokensPerSecond.toFixed(1),
        speed.decodeTokensPerSecond.toFixed(1),
        speed.firstTokenMs.toFixed(0),
        byteText(speed.peakBytes),
        read ? read.meanKl.toPrecision(3) : 'reference',
        !read ? '' : read.firstDivergence === null ? 'none' : `token ${read.firstDivergence + 1}`,
      ];
    },
  );
  const heads = [
    'variant',
    'type',
    'weights',
    'bits',
    'engine',
    'prefill',
    'decode',
    'first ms',
    'most memory',
    'KL of reply',
    'parts at',
  ];
  return table(heads, rows);
}

function qualityTable({ columns, quality }: CompareResult): string {
  const rows = (quality?.columns ?? []).map(({ perplexity, kl, topOneAgreement }, i) => [
    columns[i]?.label ?? '',
    interval(perplexity, 3),
    kl ? interval(kl.mean, 6) : '',
    kl ? kl.p99.toFixed(4) : '',
    kl ? kl.max.toFixed(3) : '',
    topOneAgreement ? `${interval(topOneAgreement, 2, 100)} %` : '',
  ]);
  const counted = `${quality?.tokens ?? 0} tokens, 95 % intervals`;
  return `${table(['variant', 'perplexity', 'mean KL, nats', '99 %', 'max', 'same likeliest'], rows)}\n${counted}`;
}

function interval({ value, low, high }: Interval, digits: number, scale = 1): string {
  const text = (number: number) => (number * scale).toFixed(digits);
  return low === null || high === null ? text(value) : `${text(value)} (${text(low)} to ${text(high)})`;
}

function repliesOf({ columns }: CompareResult): string[] {
  return columns.map(({ label, reply }) => `${label}:\n${reply.text.trim()}`);
}
