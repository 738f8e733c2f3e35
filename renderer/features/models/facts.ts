/** What the headers of a model say, as people read it. Pure. */
import type { ModelSummary } from '../../../electron/contract/model-summary.ts';
import { formatBytes, formatNumber } from '../../ui/format.ts';
import { formatName } from './model-list.ts';

export interface Fact {
  readonly label: string;
  readonly value: string;
}

const scales = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']] as const; // prettier-ignore

/** "30.5 B", "135 M". */
export function parameterText(parameters: number): string {
  const scale = scales.find(([size]) => parameters >= size);
  if (!scale) return formatNumber(parameters);
  const value = parameters / scale[0];
  return `${formatNumber(value, value >= 100 ? 0 : 1)} ${scale[1]}`;
}

const weightBytes = ({ types }: ModelSummary): number =>
  Object.values(types).reduce((sum, bytes) => sum + bytes, 0);

export function bitsPerWeight(summary: ModelSummary): number | null {
  return summary.parameters > 0 ? (weightBytes(summary) * 8) / summary.parameters : null;
}

const numberOrNull = (value: number | null): string | null => (value === null ? null : formatNumber(value));
const present = (facts: readonly { label: string; value: string | null }[]): Fact[] =>
  facts.flatMap(({ label, value }) => (value === null ? [] : [{ label, value }]));

/** Beside the name: the few figures that tell models apart. */
export function headFacts(summary: ModelSummary): Fact[] {
  const bits = bitsPerWeight(summary);
  const { layers, experts } = summary;
  return present([
    { label: 'parameters', value: parameterText(summary.parameters) },
    { label: 'bits a weight', value: bits === null ? null : formatNumber(bits, 2) },
    experts === null
      ? { label: 'layers', value: numberOrNull(layers) }
      : {
          label: 'layers × experts',
          value: layers === null ? null : `${formatNumber(layers)} × ${formatNumber(experts)}`,
        },
    { label: 'trained context', value: numberOrNull(summary.contextLength) },
  ]);
}

export function detailFacts(summary: ModelSummary): Fact[] {
  const { heads, keyValueHeads, headDimension } = summary;
  const attention =
    heads === null ? null : `${formatNumber(heads)} heads, ${formatNumber(keyValueHeads ?? heads)} for KV`;
  return present([
    { label: 'Format', value: formatName(summary.format) },
    { label: 'Architecture', value: summary.architecture },
    { label: 'Attention', value: attention },
    { label: 'Head', value: headDimension === null ? null : `${formatNumber(headDimension)} wide` },
    { label: 'Hidden size', value: numberOrNull(summary.hiddenSize) },
    {
      label: 'Vocabulary',
      value: summary.vocabularySize === null ? null : `${formatNumber(summary.vocabularySize)} tokens`,
    },
    { label: 'Tokenizer', value: summary.tokenizer ?? 'none that Retort reads' },
    { label: 'Chat template', value: summary.chatTemplate ? 'yes' : 'none: a plain one is used' },
    { label: 'Identity', value: summary.identity.slice(0, 16) },
  ]);
}

export interface TypeShare {
  readonly type: string;
  readonly bytes: number;
  /** Of all weights, 0 to 1. */
  readonly share: number;
}

/** Largest first. */
export function typeShares(summary: ModelSummary): TypeShare[] {
  const whole = weightBytes(summary);
  return Object.entries(summary.types)
    .map(([type, bytes]) => ({ type, bytes, share: whole > 0 ? bytes / whole : 0 }))
    .sort((left, right) => right.bytes - left.bytes);
}

/** "Q4_1" of "Q4_1 87 MiB, F32 0.2 MiB": what most of the weights are. */
export const mainType = (summary: ModelSummary): string | null => typeShares(summary)[0]?.type ?? null;

export function fileText(files: ModelSummary['files']): string {
  const [first] = files;
  if (!first) return '';
  const bytes = formatBytes(files.reduce((sum, file) => sum + file.bytes, 0));
  return files.length === 1
    ? `${first.name}, ${bytes}`
    : `${first.name} and ${formatNumber(files.length - 1)} more, ${bytes}`;
}
