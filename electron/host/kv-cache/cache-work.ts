/** Caches of prompts for the command line: each call opens a model in a process of its own, which ends with it. */
import type { ModelInfo } from '../../contract/open-model.ts';
import type { Progress } from '../../contract/progress.ts';
import { LabError } from '../../contract/errors.ts';
import { decodeFloats } from '../../contract/floats.ts';
import type { HostContract, Prompt, WorkEvent } from '../../contract/host-contract.ts';
import type { CacheLedger } from '../../contract/kv-cache.ts';
import { drain } from '../../contract/rpc-client.ts';
import type { Handlers, StreamContext } from '../../contract/rpc.ts';
import { SamplingParameters } from '../../contract/sampling.ts';
import type { EngineProcess } from '../engines/engine-starter.ts';
import { usualContext } from '../loaded/loaded-model.ts';
import { encodePrompt, type EncodedPrompt } from '../replies/ledger.ts';
import { whole, type PromptMessage } from '../replies/prompt.ts';
import type { Services } from '../services.ts';
import { untilCancelled } from '../work/cancellation.ts';
import {
  hooksOf,
  openInProcess,
  type NamedModel,
  type OpenChoice,
  type WorkHooks,
} from '../work/open-model.ts';
import { ledgerOfHeld, restoreInto, shownCache } from './held-cache.ts';
import { weightsOf } from './saved-caches.ts';

type Working = 'reportCache' | 'saveCache' | 'restoreCache' | 'listSavedCaches' | 'removeSavedCache';
type Context = StreamContext<WorkEvent>;

interface Opened {
  readonly process: EngineProcess;
  readonly info: ModelInfo;
}

export function cacheWorkHandlers(services: Services): Pick<Handlers<HostContract>, Working> {
  const { savedCaches, library } = services;
  return {
    async reportCache(input, context) {
      const model = await library.resolve(input.model);
      return withPrompt(services, model, input, context, async (opened, read) => {
        const held = await opened.process.client.heldCache({});
        const ledger = ledgerOfHeld(read.messages, read.encoded, held);
        const attention = ledger.layers.length > 0 ? await attentionOf(opened, ledger) : [];
        const comparison = input.compare ? await compare(opened, context) : null;
        return { ...ledger, attention, comparison };
      });
    },

    async saveCache(input, context) {
      const model = await library.resolve(input.model);
      return withPrompt(services, model, input, context, async ({ process, info }, read) => {
        const { engine, arithmetic, kvCodec } = info;
        const of = { name: input.name, modelTitle: model.name, modelPath: model.path, chatId: null };
        const about = {
          ...of,
          identity: weightsOf(info),
          engine,
          arithmetic,
          kvCodec,
          context: read.context,
        };
        const { kvBytes } = await process.client.memory({});
        return shownCache(
          await savedCaches.add(about, kvBytes, (path) => process.client.saveCache({ path })),
          null,
        );
      });
    },

    async restoreCache({ cache: name, text, maxTokens, threads }, context) {
      const cache = await savedCaches.find(name);
      const { engine, arithmetic, kvCodec } = cache;
      const choice = { engine, arithmetic, kvCodec, threads, device: 'cpu' as const, memoryBudget: null };
      const model = { name: cache.modelTitle, path: cache.modelPath };
      return withEngine(services, model, choice, hooksOf(context), async ({ process, info }) => {
        const opened = { ...info, context: cache.context };
        const restored = await restoreInto(process.client, cache, opened, savedCaches.fileOf(cache));
        const rest = { name: cache.name, ids: [], text: '', readTokens: 0 };
        if (text === null) return { ...restored, ...rest };
        const added = await textIds(services, model.path, text, context.signal);
        const { ids: held } = await process.client.conversation({});
        const reply = await generateIn(process, [...held, ...added], maxTokens, cache.context, context);
        return {
          ...restored,
          ...rest,
          ids: reply.ids,
          text: reply.text,
          readTokens: reply.promptTokens - reply.reusedTokens,
        };
      });
    },

    listSavedCaches: async () => (await savedCaches.list()).map((cache) => shownCache(cache, null)),
    removeSavedCache: async ({ cache }) => shownCache(await savedCaches.remove(cache), null),
  };
}

async function withEngine<T>(
  services: Services,
  model: NamedModel,
  choice: OpenChoice,
  hooks: WorkHooks,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const process = services.engines.start(services);
  try {
    const info = await openInProcess(process, model, choice, services, hooks);
    return await untilCancelled(hooks.signal, work({ process, info }));
  } finally {
    process.kill();
  }
}

interface ReadPrompt {
  readonly messages: PromptMessage[];
  readonly encoded: EncodedPrompt;
  readonly context: number;
}

type PromptInput = Parameters<Handlers<HostContract>['saveCache']>[0];

/** Opens the model, reads the prompt into its conversation, and lets `work` look at it. Throws context-full where it does not fit. */
async function withPrompt<T>(
  services: Services,
  model: NamedModel,
  input: Omit<PromptInput, 'name'>,
  context: Context,
  work: (opened: Opened, read: ReadPrompt) => Promise<T>,
): Promise<T> {
  const { messages, encoded } = await encodedOf(services, model, input.prompt, context.signal);
  const choice = { ...input.compute, kvCodec: input.kvCodec };
  return withEngine(services, model, choice, hooksOf(context), async (opened) => {
    const room = input.context ?? Math.min(usualContext, opened.info.contextLength);
    // One token is drawn and not kept: what is held is the prompt.
    await generateIn(opened.process, encoded.ids, 1, room, context);
    return work(opened, { messages, encoded, context: room });
  });
}

async function encodedOf(services: Services, model: NamedModel, prompt: Prompt, signal: AbortSignal) {
  if (prompt.kind === 'chat') {
    const messages = prompt.messages.map(({ role, content }) => whole(role, originOf(role), null, content));
    return { messages, encoded: await encodePrompt(services, model.path, messages, signal) };
  }
  if (prompt.kind !== 'text') throw new LabError('bad-request', 'A cache is made of a chat or a text.');
  const text = await services.text.open(model.path, signal);
  const { ids, warnings } = await text.encode({ text: prompt.text, special: prompt.special, addBos: true });
  const each = ids.map(() => 0);
  const encoded = { ids, warnings, origins: each, offsets: each, ends: [], stops: [] };
  return { messages: [whole('user', 'user', null, prompt.text)], encoded };
}

const originOf = (role: string) => (role === 'system' || role === 'assistant' ? role : 'user');

async function textIds(services: Services, path: string, text: string, signal: AbortSignal) {
  const opened = await services.text.open(path, signal);
  return (await opened.encode({ text, special: true, addBos: false })).ids;
}

function generateIn(
  { client }: EngineProcess,
  ids: readonly number[],
  maxTokens: number,
  room: number,
  { signal, emit }: Context,
) {
  if (ids.length >= room) {
    throw new LabError(
      'context-full',
      `The prompt has ${ids.length} tokens; a context of ${room} has no room for a reply.`,
    );
  }
  const request = {
    ids: [...ids],
    maxTokens: Math.min(maxTokens, room - ids.length),
    sampling: SamplingParameters.parse({ temperature: 0 }),
    ...{ ends: [], ignoreEnds: false, stops: [], continues: true, trace: false },
    conversation: { context: room },
  };
  return drain(client.generate(request, { signal }), (event) =>
    event.type === 'progress' ? emit(event) : Promise.resolve(),
  );
}

async function attentionOf({ process }: Opened, { parts, spans }: CacheLedger): Promise<number[]> {
  const map = await process.client.readCacheMap({ measure: 'attention', head: null });
  const values = decodeFloats(map.values);
  const shares = parts.map(() => 0);
  for (const { part, from, to } of spans) {
    for (let layer = 0; layer < map.layers; layer++) {
      for (let position = from; position < to; position++) {
        shares[part] = (shares[part] ?? 0) + (values[layer * map.positions + position] ?? 0) / map.layers;
      }
    }
  }
  return shares;
}

function compare({ process }: Opened, { signal, emit }: Context) {
  const call = process.client.compareCodecs({ codecs: ['f16', 'q8'] }, { signal });
  return drain(call, (progress: Progress) => emit({ type: 'progress', progress }));
}
