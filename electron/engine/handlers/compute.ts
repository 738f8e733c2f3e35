/** Operations that compute: one open model, or a lab job's own models. */
import type { EngineContract } from '../../contract/engine-contract.ts';
import { LabError } from '../../contract/errors.ts';
import type { Handlers } from '../../contract/rpc.ts';
import { bench } from '../../lab/bench.ts';
import { generate, type GenerateHooks } from '../generate.ts';
import { writeLogits } from '../logits.ts';
import { peakBytes } from '../memory.ts';
import { releaseHeapPages } from '../native/heap-pages.ts';
import { measureDisk } from '../native/measure-disk.ts';
import { openModel } from '../open-engine.ts';
import { packModel } from '../pack/pack-model.ts';
import { verifyPack } from '../pack/verify.ts';
import { cacheHandlers, type Caching } from './cache.ts';
import { quantizeModel } from '../quantize/quantize-model.ts';
import type { EngineState } from './engine-state.ts';
import { labHandlers, type LabWork } from './lab.ts';
import { flashReading, streamingOf } from '../flash.ts';
import { progressSender } from './progress.ts';

export type Computing = Caching &
  Pick<
    Handlers<EngineContract>,
    | 'open'
    | 'generate'
    | 'conversation'
    | 'forget'
    | 'logits'
    | 'bench'
    | LabWork
    | 'pack'
    | 'quantize'
    | 'verifyPack'
    | 'memory'
    | 'measureDisk'
    | 'flashState'
    | 'setMemoryBudget'
  >;

export function computeHandlers(state: EngineState): Computing {
  return {
    ...cacheHandlers(state),

    async open(request, { signal, emit }) {
      const progress = progressSender(emit);
      const hooks = { signal, onProgress: progress.report };
      const { info } = await state.openModel(() => openModel(request, hooks));
      await progress.finish();
      return info;
    },

    async generate({ conversation, ...request }, { signal, emit }) {
      const { engine, decoder, info } = state.model;
      const ends = new Set(request.ignoreEnds ? [] : [...info.ends, ...request.ends]);
      const progress = progressSender((report) => emit({ type: 'progress', progress: report }));
      const hooks: GenerateHooks = {
        signal,
        emit: (batch) => emit({ type: 'tokens', batch }),
        onProgress: progress.report,
        beforeStep: state.backingOff(),
      };
      const asked = { ...request, ends };
      const generated = conversation
        ? await state.openConversation().reply(conversation.context, asked, hooks)
        : { ...(await generate(engine, decoder, asked, hooks)), reusedTokens: 0 };
      await progress.finish();
      releaseHeapPages();
      const { kvBytes, firstTokenMs, prefillTokensPerSecond, decodeTokensPerSecond, ...reply } = generated;
      const { loadMs } = info;
      return {
        ...reply,
        promptTokens: request.ids.length,
        generatedTokens: reply.ids.length,
        timing: { loadMs, firstTokenMs, prefillTokensPerSecond, decodeTokensPerSecond },
        memory: state.memory(kvBytes),
      };
    },

    conversation: () => Promise.resolve({ ids: state.openConversation().ids }),

    async forget() {
      await state.openConversation().forget();
      return null;
    },

    async logits(request, { signal, emit }) {
      const { engine } = state.model;
      const progress = progressSender(emit);
      const bytes = await writeLogits(engine, request, { signal, onProgress: progress.report });
      await progress.finish();
      const { vocabularySize } = engine.info;
      return { out: request.out, tokens: request.ids.length, vocabularySize, bytes };
    },

    async bench(request, { signal, emit }) {
      const progress = progressSender(emit);
      const speeds = await bench(state.model.engine, request, { signal, onProgress: progress.report });
      await progress.finish();
      return { ...request, ...speeds, peakBytes: peakBytes() };
    },

    ...labHandlers(),

    async pack(request, { signal, emit }) {
      const progress = progressSender(emit);
      const packed = await packModel(request, { signal, onProgress: progress.report });
      await progress.finish();
      return packed;
    },

    async quantize(request, { signal, emit }) {
      const progress = progressSender(emit);
      const quantized = await quantizeModel(request, { signal, onProgress: progress.report });
      await progress.finish();
      return quantized;
    },

    async verifyPack({ path }, { signal, emit }) {
      const progress = progressSender(emit);
      const verified = await verifyPack(path, { signal, onProgress: progress.report });
      await progress.finish();
      return verified;
    },

    async measureDisk({ path, cacheFolder }, { signal, emit }) {
      const progress = progressSender(emit);
      const curve = await measureDisk(path, cacheFolder, { signal, onProgress: progress.report });
      await progress.finish();
      return curve;
    },

    memory: () => Promise.resolve(state.memory()),

    flashState() {
      const { streaming } = state.model.engine;
      return Promise.resolve(streaming ? flashReading(streaming) : null);
    },

    async setMemoryBudget({ memoryBudget, isAuto }) {
      const { streaming } = state.model.engine;
      if (streaming) {
        return state.openConversation().between(async () => {
          await streaming.setMemoryBudget(memoryBudget, isAuto);
          return streamingOf(streaming);
        });
      }
      const message =
        'All weights of this model are in memory, and stay there: only a pack takes a budget (retort pack makes one).';
      throw new LabError('unsupported-feature', message, { field: 'memoryBudget' });
    },
  };
}
