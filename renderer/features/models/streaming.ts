/** Streaming a model from flash, in figures and words. Pure. */
import type { StreamingEstimate } from '../../../electron/contract/estimate.ts';
import type { ModelSummary } from '../../../electron/contract/model-summary.ts';
import type {
  Fit,
  LoadSettings,
  LoadState,
  MemoryBudget,
  PageModel,
} from '../../../electron/contract/machine.ts';
import type { Settings } from '../../../electron/contract/settings.ts';
import { formatBytes, formatMilliseconds, formatNumber } from '../../ui/format.ts';

export interface StreamingFact {
  readonly label: string;
  readonly value: string;
}

/** Whether a prediction lacks how fast the disk is; where nothing is read none is needed. */
export const lacksDisk = ({ diskBytesPerSecond, readBytesPerToken }: StreamingEstimate): boolean =>
  diskBytesPerSecond === null && readBytesPerToken > 0;

/** What a token costs, and from what that is predicted. */
export function streamingFacts(streaming: StreamingEstimate): StreamingFact[] {
  const { readBytesPerToken, hitRate, hitRateFrom, diskBytesPerSecond, computeSecondsPerToken } = streaming;
  return [
    { label: 'read a token', value: formatBytes(readBytesPerToken) },
    ...(hitRate === null
      ? []
      : [{ label: `hit rate, ${hitRateFrom ?? 'assumed'}`, value: `${formatNumber(hitRate * 100)} %` }]),
    ...(diskBytesPerSecond === null
      ? []
      : [{ label: 'disk', value: `${formatBytes(diskBytesPerSecond)}/s` }]),
    ...(lacksDisk(streaming) ? [{ label: 'disk', value: 'not measured yet' }] : []),
    ...(computeSecondsPerToken === null
      ? []
      : [{ label: 'computing a token', value: formatMilliseconds(computeSecondsPerToken * 1000) }]),
  ];
}

/** What the foot of the panel says of the prediction. */
export interface Prediction {
  readonly tokensPerSecond: number | null;
  /** What it is a prediction of. */
  readonly label: string;
  /** When there will be one. */
  readonly missing: string;
}

export function predictionOf({ streaming, predictedTokensPerSecond }: Fit): Prediction {
  if (!streaming) {
    return {
      tokensPerSecond: predictedTokensPerSecond,
      label: 'predicted at a full context',
      missing: 'after the first reply on this machine',
    };
  }
  return {
    tokensPerSecond: streaming.tokensPerSecond,
    label: 'predicted, streamed',
    missing: lacksDisk(streaming) ? 'once the disk is measured' : 'after the first reply on this machine',
  };
}

/** The budget that the knob stands for: what is chosen, else what was chosen the last time. */
export function chosenBudget(
  id: string,
  settings: LoadSettings,
  { memoryBudgets }: Pick<Settings, 'memoryBudgets'>,
): MemoryBudget {
  return settings.memoryBudget ?? memoryBudgets[id] ?? 'auto';
}

/** The budget of the model in memory, as it would be chosen; null: it is not streamed. */
export function loadedBudget(engine: LoadState): MemoryBudget | null {
  if (engine.state !== 'ready' || !engine.info.streaming) return null;
  const { isAuto, memoryBudgetBytes } = engine.info.streaming;
  return isAuto ? 'auto' : memoryBudgetBytes;
}

/** Makes a pack of the model. Models that the library does not have are named by their files, whose folder a page does not know. */
export function packCommand(model: PageModel, summary: ModelSummary): string {
  const isInLibrary = model.kind === 'added' || model.kind === 'bundled';
  const source = isInLibrary ? model.id : (summary.files[0]?.name ?? model.title);
  return `npx retort pack ${shellWord(source)} --out ${shellWord(packName(model.title))}`;
}

/** In letters: with the unfinished pack's own words they stay within what file systems allow, whatever the letters. */
const longestStem = 50;

/** A file's name in the folder where the command runs: titles may hold slashes, and what packs cannot be named. */
function packName(title: string): string {
  const stem = [...title.replace(/\.gguf$/i, '')]
    .slice(0, longestStem)
    .join('')
    .replace(/[\p{C}\p{Zl}\p{Zp}/\\:*?"<>|%]+/gu, '-')
    // No hidden file, and no option.
    .replace(/^[-.\s]+/, '')
    .trimEnd();
  return `${stem || 'model'}.retortpack`;
}

/** As a shell takes it for one word. */
function shellWord(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
