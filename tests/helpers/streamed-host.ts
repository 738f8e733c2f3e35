/** A host whose model is streamed from flash: a mixture of experts of real size in figures alone, the same at every start. */
import type { ReplyToken } from '../../electron/contract/chats.ts';
import type { StreamingEstimate } from '../../electron/contract/estimate.ts';
import type { ModelSummary } from '../../electron/contract/model-summary.ts';
import type { FlashReading, Streaming } from '../../electron/contract/streaming.ts';
import { LabError } from '../../electron/contract/errors.ts';
import type { Fit, LoadSettings, MemoryReading, PageModel } from '../../electron/contract/machine.ts';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Handlers } from '../../electron/contract/rpc.ts';
import type { TraceRecord } from '../../electron/contract/trace.ts';
import { ChatHost, readyEngine } from './chat-host.ts';
import { seededRandom } from './seeded-random.ts';

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;
const layers = 48;
const experts = 128;
const used = 8;
const slotBytes = 2.6 * mebibyte;
const pinnedBytes = 1.1 * gibibyte;
const scratchBytes = 0.18 * gibibyte;
const kvBytesPerToken = 51 * 1024;
/** Of weights: all but experts, buffers, and one layer's experts of a token. */
const minimumBytes = pinnedBytes + 16 * mebibyte + used * slotBytes;
const totalBytes = pinnedBytes + layers * experts * slotBytes;

export const packModel: PageModel = {
  id: 'moe',
  title: 'Qwen3 30B-A3B',
  place: '~/models',
  kind: 'folder',
  format: 'pack',
  architecture: 'qwen3moe',
  bytes: Math.round(totalBytes),
  isPresent: true,
};

/** Too large to be in memory, and no pack. */
export const largeModel: PageModel = {
  ...packModel,
  id: 'large',
  title: 'Llama 3.1 70B',
  format: 'gguf',
  architecture: 'llama',
  bytes: 39 * gibibyte,
};

export function streamingWithin(memoryBudgetBytes: number, context = 8192, isAuto = false): Streaming {
  const budgetBytes = Math.round(memoryBudgetBytes - kvBytesPerToken * context - scratchBytes);
  const slots = Math.floor((budgetBytes - pinnedBytes - 16 * mebibyte) / slotBytes);
  return {
    memoryBudgetBytes,
    isAuto,
    budgetBytes,
    minimumBytes,
    totalBytes,
    pinnedBytes,
    ringBytes: 12 * mebibyte,
    lookupBytes: 4 * mebibyte,
    slots: Math.min(layers * experts, Math.max(0, slots)),
    slotBytes,
    reader: 'io_uring',
    isDirect: true,
    experts: { layers, count: experts, used },
  };
}

/** Few experts of a layer serve most of its tokens, others in each layer. */
export function sampleReading(streaming: Streaming): FlashReading {
  const random = seededRandom(30);
  const uses = Array.from({ length: layers * experts }, () => 40 * random() ** 6);
  const threshold =
    uses.toSorted((left, right) => right - left)[Math.min(uses.length - 1, streaming.slots)] ?? 0;
  const resident = uses.map((value) => (value > threshold || random() < 0.02 ? 1 : 0));
  return {
    streaming,
    uses,
    // What lies in memory was read once, before.
    misses: uses.map((value, expert) => value * (resident[expert] === 1 ? 0.1 : 0.8)),
    resident,
    totals: { bytesRead: 81 * gibibyte, reads: 31_000, cacheHits: 24_000, cacheMisses: 31_000 },
  };
}

/** Token `index` of a reply of which about two thirds waited for flash. */
export function streamedToken(index: number, text: string, startNs: number): ReplyToken {
  const random = seededRandom(index + 1);
  const waitNs = (70 + 200 * random() ** 2) * 1e6;
  const misses = Math.round(60 + waitNs / 1e6);
  const timeNs = { attention: 19e6, feedForward: 45e6, readWait: waitNs, sampling: 2e6, other: 4e6 };
  const total = Object.values(timeNs).reduce((sum, value) => sum + value, 0);
  const byLayer = (whole: number) =>
    Array.from({ length: layers + 1 }, () => Math.floor(whole / (layers + 1)));
  const trace: TraceRecord = {
    step: index,
    phase: 'decode',
    tokens: 1,
    position: 40 + index,
    id: index,
    startNs,
    timeNs: { total, ...timeNs },
    bytesTouched: 1.9 * gibibyte,
    bytesRead: misses * slotBytes,
    reads: misses,
    cacheHits: layers * used - misses,
    cacheMisses: misses,
    readBusyNs: 1.2 * waitNs,
    layers: {
      bytesRead: byLayer(misses * slotBytes),
      reads: byLayer(misses),
      cacheHits: byLayer(layers * used - misses),
      cacheMisses: byLayer(misses),
      waitNs: byLayer(waitNs).map((value, layer) => (layer === 23 ? value * 3 : value)),
    },
    kvBytes: kvBytesPerToken * (41 + index),
    logProbability: Math.log(0.3 + 0.6 * random()),
    top: ['def', 'import', 'from', '#', '"""', '@', 'class', '>>>', 'if', 'T'].map((piece, place) => ({
      id: place === 0 ? index : 1000 + place,
      piece: place === 0 ? text : piece,
      logProbability: Math.log(0.6 / (place + 1) ** 2),
    })),
  };
  return { id: index, text, piece: text, trace };
}

/** A reply's tokens, one after the other. */
export function streamedTokens(texts: readonly string[]): ReplyToken[] {
  let startNs = 0;
  return texts.map((text, index) => {
    const token = streamedToken(index, text, startNs);
    startNs += token.trace.timeNs.total;
    return token;
  });
}

export class StreamedHost extends ChatHost {
  /** Why a change of the budget is refused; null: it is not. */
  budgetRefusal: LabError | null = null;
  /** Changes of the budget wait for this. */
  budgetGate: Promise<void> = Promise.resolve();
  /** How often the state of the flash was asked for. */
  flashReads = 0;

  constructor(memoryBudgetBytes = 4 * gibibyte) {
    super();
    this.models = [packModel, largeModel, ...this.models];
    this.setStreaming(streamingWithin(memoryBudgetBytes));
  }

  get streaming(): Streaming | null {
    return this.engine.state === 'ready' ? this.engine.info.streaming : null;
  }

  setStreaming(streaming: Streaming): void {
    if (readyEngine.state !== 'ready') return;
    const { id: model, title } = packModel;
    const info = { ...readyEngine.info, streaming, kvBytesPerToken };
    this.engine = { ...readyEngine, model, title, precision: 'Q4_K, 4.9 bits', info, kvBytesPerToken };
    this.emit({ type: 'engine', engine: this.engine });
  }

  setBusy(isBusy: boolean): void {
    if (this.engine.state !== 'ready') return;
    this.engine = { ...this.engine, isBusy };
    this.emit({ type: 'engine', engine: this.engine });
  }

  override handlers(): Handlers<PageContract> {
    return { ...super.handlers(), ...this.#handlers() };
  }

  #handlers(): Partial<Handlers<PageContract>> {
    return {
      inspectModel: ({ id }) => Promise.resolve(id === largeModel.id ? largeSummary : packSummary),
      estimateFit: ({ id, settings }) =>
        Promise.resolve().then(() => (id === largeModel.id ? largeFit(settings) : this.#fit(settings))),
      readFlash: () => {
        this.flashReads += 1;
        return Promise.resolve(this.streaming && sampleReading(this.streaming));
      },
      setMemoryBudget: async ({ memoryBudget }) => {
        await this.budgetGate;
        if (this.budgetRefusal) throw this.budgetRefusal;
        const isAuto = typeof memoryBudget !== 'number';
        const next = streamingWithin(isAuto ? 6 * gibibyte : memoryBudget, 8192, isAuto);
        this.setStreaming(next);
        return next;
      },
      watchMemory: async ({ intervalMs }, { signal, emit }) => {
        while (!signal.aborted) {
          await emit(this.#memory());
          await new Promise((resolve) => setTimeout(resolve, intervalMs));
        }
        return null;
      },
    };
  }

  #fit(settings: LoadSettings): Fit {
    const chosen = typeof settings.memoryBudget === 'number' ? settings.memoryBudget : 6 * gibibyte;
    const context = settings.context ?? 8192;
    const minimum = minimumBytes + kvBytesPerToken * context + scratchBytes;
    if (chosen < minimum) {
      throw new LabError('bad-request', 'The memory budget is too small for this context.', {
        minimumBytes: Math.ceil(minimum),
      });
    }
    return { ...fitWithin(chosen, context), kvCodec: settings.kvCodec ?? 'f16' };
  }

  #memory(): MemoryReading {
    const { streaming } = this;
    return {
      at: Date.now(),
      weightsBytes: streaming?.budgetBytes ?? 100 * mebibyte,
      kvBytes: kvBytesPerToken * 2214,
      scratchBytes: 120 * mebibyte,
      baselineBytes: 60 * mebibyte,
      memoryBudgetBytes: streaming?.memoryBudgetBytes ?? null,
      engineRssBytes: 2.4 * gibibyte,
      enginePssBytes: 2.4 * gibibyte,
      appRssBytes: 240 * mebibyte,
      appPssBytes: 160 * mebibyte,
      systemFreeBytes: 5 * gibibyte,
      systemBytes: 16 * gibibyte,
      reserveBytes: 1.6 * gibibyte,
    };
  }
}

function fitWithin(memoryBudgetBytes: number, context: number): Fit {
  const streaming = streamingWithin(memoryBudgetBytes, context);
  const kvBytes = kvBytesPerToken * context;
  const hitRate = Math.min(0.98, (streaming.slots / (layers * experts)) ** 0.4);
  const readBytesPerToken = (1 - hitRate) * layers * used * slotBytes;
  const estimate: StreamingEstimate = {
    memoryBudgetBytes,
    minimumMemoryBudgetBytes: Math.ceil(minimumBytes + kvBytes + scratchBytes),
    minimumBytes,
    totalBytes,
    pinnedBytes,
    ringBytes: streaming.ringBytes,
    lookupBytes: streaming.lookupBytes,
    slots: streaming.slots,
    slotBytes,
    readBytesPerToken,
    hitRate,
    hitRateFrom: 'measured',
    diskBytesPerSecond: 2.8 * gibibyte,
    computeSecondsPerToken: 0.07,
    tokensPerSecond: 1 / (0.07 + readBytesPerToken / (2.8 * gibibyte)),
    isWorthIt: true,
    advice: null,
  };
  const weightsBytes =
    pinnedBytes + streaming.ringBytes + streaming.lookupBytes + streaming.slots * slotBytes;
  const totalInMemory = weightsBytes + kvBytes + scratchBytes;
  const freeBytes = 6.4 * gibibyte;
  return {
    weightsBytes,
    kvBytes,
    scratchBytes,
    totalBytes: totalInMemory,
    kvBytesPerToken,
    context,
    modelContext: 40_960,
    largestContext: 40_960,
    kvCodec: 'f16',
    freeBytes,
    reserveBytes: 1.6 * gibibyte,
    memoryBytes: 16 * gibibyte,
    fits: totalInMemory <= freeBytes,
    predictedTokensPerSecond: estimate.tokensPerSecond,
    canStream: true,
    streaming: estimate,
    measured: {
      totalBytes: 2.38 * gibibyte,
      context: 8192,
      usedContext: 2214,
      tokensPerSecond: 4.6,
      readBytesPerToken: 490 * mebibyte,
      hitRate: 0.41,
      at: 1,
    },
  };
}

function largeFit(settings: LoadSettings): Fit {
  const base = fitWithin(4 * gibibyte, settings.context ?? 8192);
  const weightsBytes = 39 * gibibyte;
  return {
    ...base,
    weightsBytes,
    totalBytes: weightsBytes + base.kvBytes + scratchBytes,
    largestContext: 0,
    fits: false,
    predictedTokensPerSecond: null,
    canStream: false,
    streaming: null,
    measured: null,
  };
}

const packSummary: ModelSummary = {
  name: packModel.title,
  format: 'pack',
  architecture: 'qwen3moe',
  supported: true,
  unsupportedReason: null,
  identity: '3d1fa9c40123456789ab',
  parameters: 30_500_000_000,
  bytes: packModel.bytes,
  layers,
  hiddenSize: 2048,
  vocabularySize: 151_936,
  contextLength: 40_960,
  heads: 32,
  keyValueHeads: 4,
  headDimension: 128,
  experts,
  kvBytesPerToken,
  types: { Q4_K: 15 * gibibyte, Q6_K: 2 * gibibyte, F32: 12 * mebibyte },
  tokenizer: 'gpt2 (qwen2)',
  chatTemplate: true,
  files: [{ name: 'Qwen3-30B-A3B.retortpack', bytes: packModel.bytes }],
  tensors: Array.from({ length: layers }, (_, layer) => ({
    name: `blk.${layer}.ffn_gate_exps.weight`,
    type: 'Q4_K',
    shape: [experts, 768, 2048],
    file: 'Qwen3-30B-A3B.retortpack',
    offset: layer * 4096,
    bytes: 108 * mebibyte,
  })),
};

const largeSummary: ModelSummary = {
  ...packSummary,
  name: largeModel.title,
  format: 'gguf',
  architecture: 'llama',
  experts: null,
  parameters: 70_600_000_000,
  types: { Q4_K: 39 * gibibyte },
  files: [{ name: 'Llama-3.1-70B-Q4_K_M.gguf', bytes: largeModel.bytes }],
};
