/** From a conversation to ids. */
import type { ChatMessage } from '../../contract/tokens.ts';
import { LabError } from '../../contract/errors.ts';
import type { ModelSource, TokenizerSource } from '../../contract/model-source.ts';
import { originsOf } from './chat-origins.ts';
import { ChatTemplate, chooseTemplate, tokenVariables } from './chat-template.ts';
import type { TextSpan, Tokenizer } from './tokenizer.ts';

export interface EncodedChat {
  readonly ids: readonly number[];
  /** For each id the index of its message and where it begins in that one's content; −1 and −1: the template's. */
  readonly origins: readonly number[];
  readonly offsets: readonly number[];
  readonly rendered: string;
  readonly warnings: readonly string[];
  /** Texts that end a turn in this template and are no token: to be treated like a person's own stop strings. */
  readonly stops: readonly string[];
}

/** What ends a turn besides the model's own end ids. */
export interface TurnEnds {
  readonly ids: readonly number[];
  readonly stops: readonly string[];
}

export interface Chat {
  /**
   * Renders and encodes a conversation. Names of special tokens in message contents are plain text, except where a warning says that the
   * template makes it impossible to tell contents apart. Throws `template-failed`, `tokenizer-failed`.
   */
  encode(messages: readonly ChatMessage[], addGenerationPrompt: boolean): EncodedChat;
  /** Finds what the template prints after the assistant's text. Runs the template, so the same limits apply as to `encode`. */
  turnEnds(): TurnEnds;
}

/** The chat of a model whose tokenizer is loaded; null where its files hold no template. Throws `template-failed` where it cannot be parsed. */
export function loadChat(
  source: Pick<ModelSource, 'templates' | 'special'> & { readonly tokenizer: TokenizerSource },
  tokenizer: Tokenizer,
): Chat | null {
  const chosen = chooseTemplate(source.templates);
  if (chosen === null) return null;
  const variables = tokenVariables(source.tokenizer, source.special, tokenizer);
  return new TemplateChat(new ChatTemplate(chosen.template, variables), tokenizer);
}

/** Turn enders of well-known templates (formats.md §6's list), for those that cannot be probed. */
const knownEnders = [
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<end_of_turn>',
  '<|end|>',
  '<end_of_utterance>',
  '<|END_OF_TURN_TOKEN|>',
];

class TemplateChat implements Chat {
  private readonly template: ChatTemplate;
  private readonly tokenizer: Tokenizer;
  private ends: TurnEnds | null = null;

  constructor(template: ChatTemplate, tokenizer: Tokenizer) {
    this.template = template;
    this.tokenizer = tokenizer;
  }

  encode(messages: readonly ChatMessage[], addGenerationPrompt: boolean): EncodedChat {
    const { rendered, spans, warnings } = this.template.render(messages, addGenerationPrompt);
    const reserved = this.reservedTokens(spans);
    const { ids, starts } = this.tokenizer.encodePlaced(spans, { addBos: false, reserved });
    const { bos } = this.tokenizer;
    let first = 0;
    while (bos !== null && ids[first] === bos && ids[first + 1] === bos) first += 1;
    const kept = originsOf(spans, starts.slice(first));
    return { ids: ids.slice(first), ...kept, rendered, warnings, stops: this.turnEnds().stops };
  }

  turnEnds(): TurnEnds {
    this.ends ??= this.findEnds();
    return this.ends;
  }

  /**
   * Added tokens that are no special ones to the file but that this template uses as marks of its own, such as Qwen's <tool_call>:
   * contents must not bring them in either. White space and the like is left alone.
   */
  private reservedTokens(spans: readonly TextSpan[]): ReadonlySet<number> {
    const used = spans.flatMap((span) => (span.special ? this.tokenizer.addedTokensIn(span.text) : []));
    return new Set(used.filter((token) => /^[<[].*[>\]]$/s.test(token.content)).map((token) => token.id));
  }

  private findEnds(): TurnEnds {
    const named = knownEnders.filter((text) => this.template.source.includes(text));
    const texts = new Set([...named, ...this.probedEnder()]);
    const ids: number[] = [];
    const stops: string[] = [];
    for (const text of texts) {
      const token = this.tokenizer.addedToken(text);
      if (token === null) stops.push(text);
      else ids.push(token.id);
    }
    return { ids, stops };
  }

  /** The added token that the template prints right after an assistant's message. */
  private probedEnder(): readonly string[] {
    const spans = this.probe();
    const answer = spans.findLastIndex((span) => !span.special);
    const after = answer < 0 ? '' : (spans[answer + 1]?.text.trimStart() ?? '');
    const [token] = this.tokenizer.addedTokensIn(after);
    return token !== undefined && after.startsWith(token.content) ? [token.content] : [];
  }

  private probe(): readonly TextSpan[] {
    const messages = [
      { role: 'user', content: 'Question' },
      { role: 'assistant', content: 'Answer' },
    ];
    try {
      return this.template.render(messages, false).spans;
    } catch (thrown) {
      if (thrown instanceof LabError && thrown.code === 'template-failed') return [];
      throw thrown;
    }
  }
}
