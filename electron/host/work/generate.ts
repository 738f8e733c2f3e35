/** A reply: the text process encodes the prompt while the weights open, then tokens flow from engine to caller. */
import { randomInt } from 'node:crypto';
import type { z } from 'zod';
import { engineContract } from '../../contract/engine-contract.ts';
import { type ReplyEvent } from '../../contract/reply.ts';
import { type Encoded } from '../../contract/tokens.ts';
import { LabError } from '../../contract/errors.ts';
import type { HostContract, Prompt, RunEvent, RunResult } from '../../contract/host-contract.ts';
import { Compute } from '../../contract/machine.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers, StreamContext } from '../../contract/rpc.ts';
import { SamplingParameters, type SamplingChoice } from '../../contract/sampling.ts';
import type { TraceRecord } from '../../contract/trace.ts';
import { recordReply, type MeasuredReply } from '../memory/measured-reply.ts';
import type { Services } from '../services.ts';
import { afterGrace, untilCancelled } from './cancellation.ts';
import type { OpenEngine } from './engine-pool.ts';
import { hooksOf, type NamedModel } from './open-model.ts';
import { recordRun } from './record.ts';

/** Seeds are drawn below this so that a person can type them. */
const seedLimit = 2 ** 32;

/** What a run of kind `generate` keeps to be repeated. */
const ReplySettings = engineContract.generate.input
  .omit({ ids: true, trace: true, conversation: true })
  .extend({ compute: Compute });
type ReplySettings = z.infer<typeof ReplySettings>;
type Context = StreamContext<RunEvent>;

/** The prompt as ids, and what ends the reply besides the model's own ends. */
type EncodedPrompt = Pick<Encoded, 'ids' | 'warnings'> & {
  readonly ends: number[];
  readonly stops: string[];
};

export function generateHandlers(services: Services): Pick<Handlers<HostContract>, 'run' | 'repeatRun'> {
  return {
    async run(input, context) {
      const model = await services.library.resolve(input.model);
      const encode = () => encodePrompt(services, model, input.prompt, context.signal);
      const { trace, isTurn } = input;
      const how = { trace, isTurn };
      return reply(services, model, input.compute, how, context, encode, ({ info }, prompt) => ({
        compute: input.compute,
        maxTokens: input.maxTokens,
        sampling: chosenSampling(input.sampling, info.generation),
        ends: prompt.ends,
        ignoreEnds: input.ignoreEnds,
        stops: [...prompt.stops, ...input.stops],
        continues: input.prompt.kind !== 'chat',
      }));
    },

    async repeatRun({ id, trace }, context) {
      const run = await services.runs.read(id);
      if (run.kind !== 'generate') {
        throw new LabError('bad-request', `Run ${id} is of kind ${run.kind}; only replies are repeated.`);
      }
      const settings = ReplySettings.parse(run.settings);
      const model = { name: run.modelName, path: run.modelPath };
      const prompt = { ids: run.promptIds, warnings: [], ends: settings.ends, stops: [] };
      const encode = () => Promise.resolve(prompt);
      const { engine, arithmetic, threads } = run;
      const compute = { ...settings.compute, engine, arithmetic, threads };
      const how = { trace, isTurn: false };
      const result = await reply(services, model, compute, how, context, encode, ({ info }) => {
        if (info.identity === run.modelIdentity) return settings;
        const message = `The model at ${run.modelPath} is not the one of run ${id}: its contents have changed.`;
        throw new LabError('bad-request', message);
      });
      const sameIds = String(result.ids) === String(run.resultIds);
      return { ...result, sameIds };
    },
  };
}

/** What changes nothing of a reply. */
interface Manner {
  readonly trace: boolean;
  readonly isTurn: boolean;
}

async function reply(
  services: Services,
  model: NamedModel,
  compute: Compute,
  how: Manner,
  context: Context,
  encode: () => Promise<EncodedPrompt>,
  settingsFor: (engine: OpenEngine, prompt: EncodedPrompt) => ReplySettings,
): Promise<RunResult> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const hooks = hooksOf(context, signal);
  // The text process and the weights start together; a prompt that cannot be encoded ends the other.
  const encoding = encode();
  encoding.catch(() => failed.abort());
  const work = services.engines.use(model, compute, services, hooks, async (engine) => {
    const prompt = await encoding;
    for (const message of prompt.warnings) await context.emit({ type: 'warning', message });
    await context.emit({ type: 'opened', info: engine.info, promptTokens: prompt.ids.length });
    const settings = settingsFor(engine, prompt);
    return generateAndRecord(services, model, engine, prompt.ids, settings, how, context);
  });
  work.catch(() => undefined);
  const [, result] = await Promise.all([encoding, work]);
  return result;
}

async function generateAndRecord(
  services: Services,
  model: NamedModel,
  engine: OpenEngine,
  ids: number[],
  settings: ReplySettings,
  { trace, isTurn }: Manner,
  context: Context,
): Promise<RunResult> {
  const { compute, ...request } = settings;
  const conversation = isTurn ? { context: engine.info.contextLength } : null;
  const call = engine.process.client.generate(
    { ...request, ids, trace: true, conversation },
    { signal: context.signal },
  );
  const steps: TraceRecord[] = [];
  const onEvent = (event: ReplyEvent) => {
    if (event.type === 'progress') return context.emit(event);
    // Of each step what is measured; a long reply has many.
    for (const { layers: _layers, top: _top, ...step } of event.batch.trace) steps.push(step);
    return context.emit(trace ? event : { ...event, batch: { ...event.batch, trace: [] } });
  };
  const result = await untilCancelled(afterGrace(context.signal), drain(call, onEvent));
  const { info } = engine;
  const room = conversation?.context ?? Math.min(info.contextLength, ids.length + request.maxTokens);
  // The reply is complete whatever becomes of its figures.
  await measure(services, engine, { memoryBudget: compute.memoryBudget, context: room, steps, result }).catch(
    () => undefined,
  );
  const { text: _text, ids: resultIds, ...figures } = result;
  const { seed } = settings.sampling;
  const computed = await recordRun(services, model, info, {
    kind: 'generate',
    seed,
    settings,
    promptIds: ids,
    resultIds,
    figures,
  });
  return { ...result, ...computed, seed };
}

async function measure(
  { measurements }: Services,
  { info, process }: OpenEngine,
  reply: Omit<MeasuredReply, 'info' | 'flash'>,
): Promise<void> {
  const flash = info.streaming ? await process.client.flashState({}) : null;
  await recordReply(measurements, { ...reply, info, flash });
}

async function encodePrompt(
  services: Services,
  model: NamedModel,
  prompt: Prompt,
  signal: AbortSignal,
): Promise<EncodedPrompt> {
  if (prompt.kind === 'ids') return { ids: prompt.ids, warnings: [], ends: [], stops: [] };
  const text = await services.text.open(model.path, signal);
  if (prompt.kind === 'text') {
    const { ids, warnings } = await text.encode({ text: prompt.text, special: prompt.special, addBos: true });
    return { ids, warnings, ends: [], stops: [] };
  }
  if (prompt.kind === 'infill') {
    const { ids, warnings } = await text.encodeInfill({ prefix: prompt.prefix, suffix: prompt.suffix });
    return { ids, warnings, ends: [], stops: [] };
  }
  if (!text.info.hasTemplate) {
    const message = `${model.name} has no chat template: give --raw to continue plain text.`;
    throw new LabError('template-failed', message);
  }
  const { ids, warnings, ends, stops } = await text.encodeChat({
    messages: prompt.messages,
    addGenerationPrompt: true,
  });
  return { ids, warnings, ends, stops };
}

/** The person's choice, then the author's, then ours. Greedy needs no seed of its own, so it stays 0 and runs compare equal. */
export function chosenSampling(choice: SamplingChoice, author: SamplingChoice): SamplingParameters {
  const chosen = SamplingParameters.parse({ ...author, ...choice });
  const seed = choice.seed ?? (chosen.temperature === 0 ? 0 : randomInt(seedLimit));
  return { ...chosen, seed };
}
