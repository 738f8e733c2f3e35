/** What opening a model would take of memory. */
import { stat } from 'node:fs/promises';
import type { z } from 'zod';
import type { EngineContract } from '../../contract/engine-contract.ts';
import type { Estimate, StreamingEstimate } from '../../contract/estimate.ts';
import { LabError } from '../../contract/errors.ts';
import type { PackContents } from '../../contract/pack.ts';
import { modelIdentity } from '../../formats/identity.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { ResolvedModel } from '../../../models/families/model-spec.ts';
import { storedDiskCurve } from '../native/disk-curve.ts';
import { estimateStreaming } from '../native/flash-estimate.ts';
import { flashSizes, type FlashSizes } from '../native/flash-plan.ts';
import { defaultKvCodec, kvBytesPerToken } from '../native/kv-size.ts';
import { besideWeights, estimateMemory, type MemoryEstimate } from '../native/memory-estimate.ts';
import { heldWeights } from '../native/packed-size.ts';
import { packOf } from '../pack/check-weights.ts';
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
  /** Of a pack; null: its weights cannot be streamed. */
  readonly sizes: FlashSizes | null;
  readonly pack: PackContents | undefined;
}

/** Reads headers only, and once for many settings: those of the latest model are kept until one of its files changes. */
export class Estimator {
  #latest: Headers | null = null;

  /** Throws what the readers throw, and resolveModel. */
  async estimate(request: Request): Promise<Estimate> {
    const { path, context, kvCodec, threads } = request;
    const headers = await this.#headers(path);
    const { identity, model, vocabularyTokens, sizes, pack } = headers;
    const modelContext = model.spec.contextLength;
    const chosen = {
      context: Math.min(context ?? modelContext, modelContext),
      kvCodec: kvCodec ?? defaultKvCodec('fast'),
    };
    const memory = estimateMemory(model, { ...chosen, threads, vocabularyTokens, pack });
    return {
      identity,
      ...memory,
      ...chosen,
      kvBytesPerToken: kvBytesPerToken(model.spec, chosen.kvCodec),
      modelContext,
      canStream: sizes !== null,
      streaming: await streamingOf(request, headers, memory),
    };
  }

  async #headers(path: string): Promise<Headers> {
    const latest = this.#latest;
    if (latest?.path === path && latest.stamp === (await stampOf(latest.files).catch(() => '')))
      return latest;
    const source = await readModelSource(path);
    const { tokenizer } = source;
    const files = source.files.map((file) => file.path);
    const model = resolveModel(source);
    const headers = {
      path,
      files,
      stamp: await stampOf(files),
      identity: await modelIdentity(source),
      model,
      vocabularyTokens: tokenizer === null ? 0 : loadDecoder(tokenizer).vocabularySize,
      sizes: source.pack ? flashSizes(packOf(source, model), model.spec) : null,
      pack: source.pack,
    };
    return (this.#latest = headers);
  }
}

/** Throws unsupported-feature for a budget that a model which is no pack does not keep to, and bad-request for one that a pack cannot. */
async function streamingOf(
  { path, memoryBudget = null, facts = null }: Request,
  { model, sizes }: Headers,
  memory: MemoryEstimate,
): Promise<StreamingEstimate | null> {
  if (memoryBudget === null) return null;
  if (sizes === null) {
    checkResident(memoryBudget, memory);
    return null;
  }
  const matrices = heldWeights(model).filter(({ isMatrix }) => isMatrix);
  const streamed = {
    sizes,
    besideBytes: besideWeights(model, memory),
    bytesTouchedPerToken: memory.bytesTouchedPerToken,
    matrixElements: matrices.reduce((sum, { elements }) => sum + elements, 0),
  };
  const { cacheFolder = null, freeBytes = null, memoryBytesPerSecond = null, uses = [] } = facts ?? {};
  const disk = cacheFolder === null ? null : await storedDiskCurve(cacheFolder, path).catch(() => null);
  return estimateStreaming(streamed, memoryBudget, { freeBytes, memoryBytesPerSecond, uses, disk });
}

function checkResident(memoryBudget: number, { weightsBytes, kvBytes, scratchBytes }: MemoryEstimate): void {
  const minimumBytes = weightsBytes + kvBytes + scratchBytes;
  if (minimumBytes <= memoryBudget) return;
  const message =
    `The model takes ${minimumBytes.toLocaleString('en')} bytes, more than a memory budget of ${memoryBudget.toLocaleString('en')}. ` +
    'Only the weights of a pack can be streamed: retort pack makes one of it.';
  throw new LabError('unsupported-feature', message, { field: 'memoryBudget', minimumBytes });
}

async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = files.map(async (file) => {
    const { size, mtimeMs } = await stat(file);
    return `${size} ${mtimeMs}`;
  });
  return (await Promise.all(stamps)).join();
}
