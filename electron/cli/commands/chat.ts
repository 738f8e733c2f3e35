import { createInterface, type Interface } from 'node:readline/promises';
import type { ChatMessage } from '../../contract/tokens.ts';
import { toLabError } from '../../contract/errors.ts';
import { drain } from '../../contract/rpc-client.ts';
import { withoutThinking } from '../../contract/thinking.ts';
import { badArgument, type Arguments } from '../arguments.ts';
import type { Command, Context } from '../command.ts';
import { samplingFrom, samplingOptions } from '../sampling-options.ts';
import { computeFrom, computeOptions, modelFrom } from '../shared-options.ts';

/** Comes with Retort. */
const defaultModel = 'smollm2-135m-instruct';
const defaultMaxTokens = 1024;

export const chat: Command = {
  name: 'chat',
  summary: 'Talk with a model in the terminal.',
  usage: [`chat [MODEL]   (default ${defaultModel}; /reset forgets, /exit ends, Ctrl-C stops a reply)`],
  options: {
    system: { value: 'TEXT', help: 'system message' },
    'max-tokens': { value: 'N', help: `longest reply (default ${defaultMaxTokens})` },
    ...samplingOptions,
    ...computeOptions,
    help: { help: 'show this help' },
  },

  async run(given, context) {
    const [model = defaultModel, stray] = given.positionals;
    if (stray !== undefined) throw badArgument(`${JSON.stringify(stray)} is one argument too many.`);
    const settings = {
      model: modelFrom(model),
      compute: computeFrom(given),
      sampling: samplingFrom(given),
      maxTokens: given.integer('max-tokens', 1) ?? defaultMaxTokens,
    };
    context.output.note(`${model}. Say something; /reset forgets the conversation, /exit ends it.`);
    await new Talk(settings, opening(given), context).run();
    return 0;
  },
};

type Settings = Pick<Parameters<Context['client']['run']>[0], 'model' | 'compute' | 'sampling' | 'maxTokens'>;

function opening(given: Arguments): ChatMessage[] {
  const system = given.text('system');
  return system === undefined ? [] : [{ role: 'system', content: system }];
}

class Talk {
  readonly #settings: Settings;
  readonly #opening: readonly ChatMessage[];
  readonly #context: Context;
  readonly #reader: Interface;
  #messages: readonly ChatMessage[];
  #replying: AbortController | null = null;
  /** The input has ended; lines that came before it are still answered. */
  #isClosed = false;

  constructor(settings: Settings, opening: readonly ChatMessage[], context: Context) {
    this.#settings = settings;
    this.#opening = opening;
    this.#messages = opening;
    this.#context = context;
    this.#reader = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' });
    // A terminal hands Ctrl-C to the reader; without one it comes as a signal.
    this.#reader.on('SIGINT', () => this.#stop());
    this.#reader.on('close', () => (this.#isClosed = true));
    context.signal.addEventListener('abort', () => this.#end());
  }

  async run(): Promise<void> {
    this.#reader.prompt();
    for await (const line of this.#reader) {
      const text = line.trim();
      if (text === '/exit') break;
      if (text === '/reset') this.#messages = this.#opening;
      else if (text !== '') await this.#reply(text);
      if (!this.#isClosed) this.#reader.prompt();
    }
    this.#reader.close();
  }

  /** Ends a reply, or the talk where there is none. */
  #stop(): void {
    if (this.#replying) this.#replying.abort();
    else this.#reader.close();
  }

  #end(): void {
    this.#replying?.abort();
    this.#reader.close();
  }

  async #reply(text: string): Promise<void> {
    const { client, output } = this.#context;
    const messages = [...this.#messages, { role: 'user', content: text }];
    this.#replying = new AbortController();
    const call = client.run(
      {
        ...this.#settings,
        prompt: { kind: 'chat', messages },
        stops: [],
        ignoreEnds: false,
        trace: false,
        isTurn: true,
      },
      { signal: this.#replying.signal },
    );
    try {
      const result = await drain(call, (event) => {
        if (event.type === 'tokens') output.write(event.batch.text);
        else if (event.type === 'progress') output.progress(event.progress);
        else if (event.type === 'warning') output.note(`warning: ${event.message}`);
      });
      output.write('\n');
      this.#messages = [...messages, { role: 'assistant', content: withoutThinking(result.text) }];
    } catch (error) {
      output.note(toLabError(error).message);
    } finally {
      this.#replying = null;
    }
  }
}
