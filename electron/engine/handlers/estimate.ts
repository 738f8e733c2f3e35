/** What opening a model would take of memory. */
import { stat } from 'node:fs/promises';
import type { z } from 'zod';
import type { EngineContract, Estimate } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { ResolvedModel } from '../../../models/families/model-spec.ts';
import { defaultKvCodec, kvBytesPerToken } from '../native/kv-size.ts';
import { estimateMemory } from '../native/memory-estimate.ts';
import { loadDecoder } from '../text/decoder.ts';

type Request = z.input<EngineContract['estimate']['input']>;

/** Of a model's headers what estimates are made of. */
interface Headers {
  readonly path: string;
  readonly files: readonly string[];
  readonly stamp: string;
  readonly identity: string;
  readonly model: ResolvedModel;
  readonly vocabularyTokens: number;
  readonly isPack: boolean;
}

/** Reads headers only, and once for many settings: those of the latest model are kept until one of its files changes. */
export class Estimator {
  #latest: Headers | null = null;

  /** Throws what the readers throw, and resolveModel. */
  async estimate({ path, context, kvCodec, threads, memoryBudget = null }: Request): Promise<Estimate> {
    const { identity, model, vocabularyTokens, isPack } = await this.#headers(path);
    if (memoryBudget !== null) throw withoutStreaming();
    const modelContext = model.spec.contextLength;
    const chosen = {
      context: Math.min(context ?? modelContext, modelContext),
      kvCodec: kvCodec ?? defaultKvCodec('fast'),
    };
    return {
      identity,
      ...estimateMemory(model, { ...chosen, threads, vocabularyTokens }),
      ...chosen,
      kvBytesPerToken: kvBytesPerToken(model.spec, chosen.kvCodec),
      modelContext,
      canStream: isPack,
      streaming: null,
    };
  }

  async #headers(path: string): Promise<Headers> {
    const latest = this.#latest;
    if (latest?.path === path && latest.stamp === (await stampOf(latest.files).catch(() => '')))
      return latest;
    const source = await readModelSource(path);
    const { tokenizer } = source;
    const files = source.files.map((file) => file.path);
    const headers = {
      path,
      files,
      stamp: await stampOf(files),
      identity: await modelIdentity(source),
      model: resolveModel(source),
      vocabularyTokens: tokenizer === null ? 0 : loadDecoder(tokenizer).vocabularySize,
      isPack: source.format === 'pack',
    };
    return (this.#latest = headers);
  }
}

function withoutStreaming(): LabError {
  const message = 'Only the weights of a pack can be streamed: retort pack makes one of this model.';
  return new LabError('unsupported-feature', message, { field: 'memoryBudget' });
}

async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = files.map(async (file) => {
    const { size, mtimeMs } = await stat(file);
    return `${size} ${mtimeMs}`;
  });
  return (await Promise.all(stamps)).join();
}
