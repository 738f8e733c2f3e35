import { LabError } from '../../contract/errors.ts';
import type { SpecialIds } from '../../contract/model-source.ts';
import type { Memory } from '../../contract/open-model.ts';
import { Conversation } from '../conversation.ts';
import { majorFaults, MemoryPressure } from '../memory-pressure.ts';
import { collectGarbage, processMemory, residentBytesNow } from '../memory.ts';
import { residentBytesWithAddon } from '../native/baseline.ts';
import { releaseHeapPages } from '../native/heap-pages.ts';
import type { OpenedModel } from '../open-engine.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Chat } from '../text/chat.ts';

export interface LoadedText {
  readonly tokenizer: Tokenizer;
  readonly chat: Chat | null;
  readonly special: SpecialIds;
}

function giveBackFreed(): void {
  collectGarbage();
  releaseHeapPages();
}

/** What this process has loaded. One process serves one model, once. */
export class EngineState {
  #text: LoadedText | null = null;
  #model: OpenedModel | null = null;
  #isOpening = false;
  #residentBeforeOpenBytes: number | null = null;
  #baselineBytes: number | null = null;
  readonly #faults: () => number | null;
  #conversation: Conversation | null = null;

  /** `faults`: as of MemoryPressure. */
  constructor(faults = majorFaults) {
    this.#faults = faults;
  }

  get text(): LoadedText {
    if (this.#text) return this.#text;
    throw new LabError('bad-request', 'No tokenizer is loaded: openText comes first.');
  }

  get model(): OpenedModel {
    if (this.#model) return this.#model;
    throw new LabError('bad-request', 'No model is open: open comes first.');
  }

  /** The one conversation of the open model. */
  openConversation(): Conversation {
    const { engine, decoder } = this.model;
    return (this.#conversation ??= new Conversation(engine, decoder));
  }

  /** `kvBytes`: default, those of the conversation. */
  memory(kvBytes = this.#conversation?.kvBytes ?? 0): Memory {
    const weightsBytes = this.#model?.info.weightsBytes ?? 0;
    return processMemory({
      weightsBytes,
      kvBytes,
      residentBeforeOpenBytes: this.#residentBeforeOpenBytes,
      baselineBytes: this.#baselineBytes,
    });
  }

  /**
   * For one reply, before each of its evaluations: a budget that nobody chose shrinks where memory is short. Faults between two replies are
   * of pages that nobody used meanwhile, and do not count.
   */
  backingOff(): () => Promise<void> {
    const pressure = new MemoryPressure(this.#faults);
    return async () => {
      const streaming = this.#model?.engine.streaming;
      if (streaming?.isAuto) await pressure.look(streaming);
    };
  }

  setText(text: LoadedText): void {
    this.#text = text;
  }

  /** Throws bad-request where the process holds a model already, opened or being opened. */
  async openModel(open: () => Promise<OpenedModel>): Promise<OpenedModel> {
    if (this.#isOpening) throw new LabError('bad-request', 'This process has its model already.');
    this.#isOpening = true;
    const before = residentBytesNow();
    // What starting left would else go back while the model opens, and count as less than it takes.
    giveBackFreed();
    this.#baselineBytes = residentBytesWithAddon();
    this.#residentBeforeOpenBytes = Math.min(before, this.#baselineBytes);
    this.#model = await open();
    giveBackFreed();
    return this.#model;
  }
}
