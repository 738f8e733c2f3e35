/** Least, greatest, mean, deviation and histogram of tensors, quantized ones as what they stand for; one at a time, in chunks. */
import type { Progress } from '../../contract/progress.ts';
import { LabError, toLabError } from '../../contract/errors.ts';
import type { TensorOutcome, TensorStatistics } from '../../contract/tensor-statistics.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { storedValues, type StoredValues } from './stored-values.ts';
import { FirstReading, SecondReading } from './value-sums.ts';

export interface StatisticsRequest {
  readonly path: string;
  /** Of the model that the names were read of; null: whatever it is now. */
  readonly identity: string | null;
  /** Null: all tensors. */
  readonly tensors: readonly string[] | null;
}

export interface StatisticsHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** What came of one tensor. */
  readonly tell: (event: TensorOutcome) => Promise<void>;
}

/**
 * A tensor whose type has no values is told as refused. Throws not-found for a name that is not in the model, bad-request where the model is
 * another than `identity`, bad-file and what reading throws.
 */
export async function tensorStatistics(request: StatisticsRequest, hooks: StatisticsHooks): Promise<void> {
  const source = await readModelSource(request.path);
  if (request.identity !== null && (await modelIdentity(source)) !== request.identity) {
    const message = `${source.name} changed since its headers were read. Read them again.`;
    throw new LabError('bad-request', message, { field: 'identity' });
  }
  const all = storedValues(source);
  const wanted = (request.tensors ?? [...all.keys()]).map((name) => {
    const values = all.get(name);
    if (values) return values;
    const shown = JSON.stringify(name.slice(0, 200));
    throw new LabError('not-found', `There is no tensor ${shown} in ${source.name}.`, { field: 'tensors' });
  });
  const progress = new ReadingProgress(wanted, hooks);
  for (const values of wanted) await hooks.tell(await outcomeOf(values, progress));
}

async function outcomeOf(values: StoredValues, progress: ReadingProgress): Promise<TensorOutcome> {
  const { name } = values;
  try {
    return { type: 'statistics', name, statistics: await statisticsOf(values, progress) };
  } catch (thrown) {
    const { code, message } = toLabError(thrown);
    if (code !== 'unsupported-type') throw thrown;
    return { type: 'refused', name, reason: message };
  }
}

/** Read twice; once where one chunk holds all. */
async function statisticsOf(stored: StoredValues, progress: ReadingProgress): Promise<TensorStatistics> {
  const first = new FirstReading();
  const chunks: Float32Array[] = [];
  for await (const values of stored.chunks()) {
    first.add(values);
    progress.add(stored, values.length);
    if (chunks.length < 2) chunks.push(values);
  }
  const second = new SecondReading(first);
  for await (const values of chunks.length < 2 ? chunks : stored.chunks()) {
    second.add(values);
    progress.add(stored, values.length);
  }
  return second.statistics;
}

/** In bytes of the files, half for each reading; stops the work between two chunks. */
class ReadingProgress {
  readonly #hooks: StatisticsHooks;
  readonly #total: number;
  #done = 0;

  constructor(wanted: readonly StoredValues[], hooks: StatisticsHooks) {
    this.#hooks = hooks;
    this.#total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  add(stored: StoredValues, values: number): void {
    this.#hooks.signal.throwIfAborted();
    const left = Math.max(0, this.#total - this.#done);
    this.#done += Math.min(left, (stored.bytes * values) / (2 * stored.values));
    this.#hooks.onProgress({ phase: 'values', done: this.#done, total: this.#total });
  }
}
