/** One variant by itself, in a process of its own: its speed and its own reply. */
import { z } from 'zod';
import { CompareColumn } from '../../contract/compare.ts';
import type { ModelSummary } from '../../contract/model-summary.ts';
import type { ModelInfo } from '../../contract/open-model.ts';
import type { BatchToken, ReplyEvent } from '../../contract/reply.ts';
import { drain } from '../../contract/rpc-client.ts';
import { SamplingParameters } from '../../contract/sampling.ts';
import type { EngineProcess } from '../engines/engine-starter.ts';
import type { FreeMemory } from '../loaded/memory-budget.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from '../work/cancellation.ts';
import { openInProcess, type WorkHooks } from '../work/open-model.ts';
import type { EncodedComparison } from './encode.ts';
import { weightsOf } from './inspect-models.ts';
import type { StoredRequest, StoredVariant } from './stored-request.ts';

/** What is known of a variant once it was measured; `versions` are the run's, of the reference. */
export const MeasuredColumn = z.strictObject({
  column: CompareColumn,
  versions: z.record(z.string(), z.string()),
});
export type MeasuredColumn = z.infer<typeof MeasuredColumn>;

/** What opens models. */
export type Working = Pick<Services, 'starter' | 'engines' | 'jobs' | 'caches' | 'text'> & FreeMemory;

/** Tokens of the prompt that a first reply reads, which is not measured: pages and caches are cold then. */
const warmUpTokens = 64;

export interface ColumnWork {
  readonly variant: StoredVariant;
  readonly label: string;
  readonly summary: ModelSummary;
  readonly request: StoredRequest;
  readonly encoded: EncodedComparison;
}

export async function measureColumn(
  services: Working,
  work: ColumnWork,
  hooks: WorkHooks,
): Promise<MeasuredColumn> {
  const { model, compute, kvCodec } = work.variant;
  const process = services.engines.start(services);
  try {
    const info = await openInProcess(process, model, { ...compute, kvCodec }, services, hooks);
    await reply(process, work, { ids: work.encoded.promptIds.slice(0, warmUpTokens), maxTokens: 1 }, hooks);
    const ids = work.encoded.promptIds;
    const { result, tokens } = await reply(process, work, { ids, maxTokens: work.request.maxTokens }, hooks);
    return { column: columnOf(work, info, result, tokens), versions: info.versions };
  } finally {
    process.kill();
  }
}

async function reply(
  process: EngineProcess,
  { request, encoded }: ColumnWork,
  asked: { readonly ids: number[]; readonly maxTokens: number },
  { signal, progress }: WorkHooks,
) {
  const tokens: BatchToken[] = [];
  const call = process.client.generate(
    {
      ...asked,
      sampling: SamplingParameters.parse({ temperature: 0 }),
      ends: encoded.ends,
      ignoreEnds: false,
      stops: encoded.stops,
      continues: request.prompt.kind !== 'chat',
      trace: false,
      conversation: null,
    },
    { signal },
  );
  const onEvent = async (event: ReplyEvent) => {
    if (event.type === 'tokens') tokens.push(...event.batch.tokens);
    await progress({ phase: 'reply', done: tokens.length, total: asked.maxTokens });
  };
  const result = await untilCancelled(afterGrace(signal), drain(call, onEvent));
  signal.throwIfAborted();
  return { result, tokens };
}

function columnOf(
  { variant, label, summary }: ColumnWork,
  info: ModelInfo,
  { text, finishReason, promptTokens, timing, memory }: Awaited<ReturnType<typeof reply>>['result'],
  tokens: BatchToken[],
): CompareColumn {
  const { model } = variant;
  const { identity, engine, arithmetic, device, threads, kvCodec, streaming, versions } = info;
  const budget = streaming?.memoryBudgetBytes ?? null;
  return {
    ...{ label, model: model.id, name: model.name, identity },
    ...weightsOf(summary),
    ...{ engine, arithmetic, device, threads, kernels: versions['kernels'] ?? null, kvCodec },
    residency: budget !== null && budget < (streaming?.totalBytes ?? 0) ? 'streamed' : 'resident',
    memoryBudgetBytes: budget,
    speed: { ...timing, promptTokens, peakBytes: memory.peakBytes, kvBytes: memory.kvBytes },
    reply: { text, tokens, finishReason },
  };
}
