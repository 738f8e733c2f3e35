/** What opening a model would take of memory. */
import type { EngineContract, Estimate } from '../../contract/engine-contract.ts';
import type { ModelSource } from '../../contract/model-source.ts';
import { readModelSource } from '../../formats/open-source.ts';
import { resolveModel } from '../../../models/families/index.ts';
import type { z } from 'zod';
import { defaultKvCodec, kvBytesPerToken } from '../native/kv-size.ts';
import { estimateMemory } from '../native/memory-estimate.ts';
import { loadDecoder } from '../text/decoder.ts';

type Request = z.infer<EngineContract['estimate']['input']>;

/** Reads headers only. Throws what the readers throw, and resolveModel. */
export async function estimate({ path, context, kvCodec, threads }: Request): Promise<Estimate> {
  const source = await readModelSource(path);
  const model = resolveModel(source);
  const modelContext = model.spec.contextLength;
  const chosen = {
    context: Math.min(context ?? modelContext, modelContext),
    kvCodec: kvCodec ?? defaultKvCodec('fast'),
  };
  const vocabularyTokens = tokensOf(source);
  return {
    ...estimateMemory(model, { ...chosen, threads, vocabularyTokens }),
    ...chosen,
    kvBytesPerToken: kvBytesPerToken(model.spec, chosen.kvCodec),
    modelContext,
  };
}

function tokensOf({ tokenizer }: ModelSource): number {
  return tokenizer === null ? 0 : loadDecoder(tokenizer).vocabularySize;
}
