import { LabError } from '../../contract/errors.ts';
import type { SpecialIds } from '../../contract/model-source.ts';
import { Conversation } from '../conversation.ts';
import type { OpenedModel } from '../open-engine.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Chat } from '../text/chat.ts';

export interface LoadedText {
  readonly tokenizer: Tokenizer;
  readonly chat: Chat | null;
  readonly special: SpecialIds;
}

/** What this process has loaded. One process serves one model, once. */
export class EngineState {
  #text: LoadedText | null = null;
  #model: OpenedModel | null = null;
  #conversation: Conversation | null = null;
  #isOpening = false;

  get text(): LoadedText {
    if (this.#text) return this.#text;
    throw new LabError('bad-request', 'No tokenizer is loaded: openText comes first.');
  }

  get model(): OpenedModel {
    if (this.#model) return this.#model;
    throw new LabError('bad-request', 'No model is open: open comes first.');
  }

  /** The one conversation of the open model. */
  get conversation(): Conversation {
    const { engine, decoder } = this.model;
    return (this.#conversation ??= new Conversation(engine, decoder));
  }

  get weightsBytes(): number {
    return this.#model?.info.weightsBytes ?? 0;
  }

  /** Of the conversation. */
  get kvBytes(): number {
    return this.#conversation?.kvBytes ?? 0;
  }

  setText(text: LoadedText): void {
    this.#text = text;
  }

  /** Throws bad-request where the process holds a model already, opened or being opened. */
  async openModel(open: () => Promise<OpenedModel>): Promise<OpenedModel> {
    if (this.#isOpening) throw new LabError('bad-request', 'This process has its model already.');
    this.#isOpening = true;
    return (this.#model = await open());
  }
}
