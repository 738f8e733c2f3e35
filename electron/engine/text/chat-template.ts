/** A model's chat template: which one, with which variables, and how a conversation is put to it. */
import type { ChatMessage } from '../../contract/tokens.ts';
import { LabError } from '../../contract/errors.ts';
import type { JsonObject, NamedTemplate, SpecialIds, TokenizerSource } from '../../contract/model-source.ts';
import { parseTemplate, renderTemplate } from './jinja.ts';
import type { Template } from './jinja.ts';
import { markContents, marksFor, spansOf } from './content-marks.ts';
import type { Marks } from './content-marks.ts';
import { findUnmarked, nameContents, templateSpan, unfoldOrigins, type ChatSpan } from './chat-origins.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface RenderedChat {
  readonly rendered: string;
  /** The same in parts. */
  readonly spans: readonly ChatSpan[];
  readonly warnings: readonly string[];
}

/** How contents are handed over: as strings, or as lists of parts. */
type Form = 'text' | 'parts';

interface Plan {
  readonly messages: readonly ChatMessage[];
  readonly form: Form;
  readonly folded: Folding | null;
}

/** Messages without the leading system message, whose text goes before the first user message. */
interface Folding {
  readonly messages: readonly ChatMessage[];
  /** Spans of these messages as spans of the original ones. */
  unfold(spans: readonly ChatSpan[]): ChatSpan[];
}

interface Rendering extends RenderedChat {
  /** Indices of system and user messages whose text the rendered one lacks. */
  readonly missing: readonly number[];
}

const foldedWarning =
  'The chat template takes no system message: its text was put before the first user message.';

/** The template named "default", else the first. */
export function chooseTemplate(templates: readonly NamedTemplate[]): NamedTemplate | null {
  return templates.find((template) => template.name === 'default') ?? templates[0] ?? null;
}

/**
 * bos_token, eos_token and the like as transformers hands them to a template: the names that tokenizer_config.json gives, or the texts of
 * a GGUF file's ids.
 */
export function tokenVariables(
  source: TokenizerSource,
  special: SpecialIds,
  tokenizer: Tokenizer,
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  if (source.kind === 'huggingface') {
    for (const name of ['bos', 'eos', 'unk', 'pad', 'sep', 'cls', 'mask'].map((each) => `${each}_token`)) {
      const text = tokenText(source.config, name);
      if (text !== null) variables[name] = text;
    }
    return variables;
  }
  const ids = {
    bos_token: special.bos,
    eos_token: special.ends[0] ?? null,
    unk_token: special.unknown,
    pad_token: special.padding,
  };
  for (const [name, id] of Object.entries(ids)) if (id !== null) variables[name] = tokenizer.piece(id);
  return variables;
}

function tokenText(config: JsonObject, name: string): string | null {
  const value = config[name];
  const text =
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as JsonObject)['content']
      : value;
  return typeof text === 'string' ? text : null;
}

/** One template with its fixed variables; remembers which form of contents it takes. */
export class ChatTemplate {
  private readonly template: Template;
  private readonly variables: Readonly<Record<string, unknown>>;
  private form: Form = 'text';

  /** Parses the template. Throws `template-failed`. */
  constructor(source: string, variables: Readonly<Record<string, unknown>>) {
    this.template = parseTemplate(source);
    this.variables = variables;
  }

  get source(): string {
    return this.template.source;
  }

  /**
   * Renders a conversation. Contents go in as strings, or as parts where only those are taken; a system message that the template refuses
   * or drops is put before the first user message, with a warning. Throws `template-failed` with the template's own words where no way works.
   */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): RenderedChat {
    let refusal: unknown = null;
    let incomplete: Rendering | null = null;
    for (const plan of this.plans(messages)) {
      try {
        const rendering = this.renderPlan(plan, addGenerationPrompt);
        if (rendering.missing.length === 0) {
          this.form = plan.form;
          return rendering;
        }
        incomplete ??= rendering;
      } catch (thrown) {
        if (!(thrown instanceof LabError && thrown.code === 'template-failed')) throw thrown;
        refusal ??= thrown;
      }
    }
    if (incomplete === null) throw refusal;
    const which = incomplete.missing.map((index) => index + 1).join(', ');
    const warning = `The chat template does not show message ${which} as it was written.`;
    return { ...incomplete, warnings: [...incomplete.warnings, warning] };
  }

  private *plans(messages: readonly ChatMessage[]): Generator<Plan> {
    const forms: readonly Form[] = this.form === 'text' ? ['text', 'parts'] : ['parts', 'text'];
    for (const form of forms) yield { messages, form, folded: null };
    const folded = foldSystem(messages);
    if (folded !== null) for (const form of forms) yield { messages: folded.messages, form, folded };
  }

  private renderPlan(plan: Plan, addGenerationPrompt: boolean): Rendering {
    const { messages, form } = plan;
    const render = (list: readonly ChatMessage[]): string => this.renderOnce(list, form, addGenerationPrompt);
    const rendered = render(messages);
    if (form === 'parts' && /['"]type['"]: ['"]text['"]/.test(rendered)) {
      throw new LabError('template-failed', 'The chat template prints the parts of a message as they are.');
    }
    const missing = messages.flatMap((message, index) =>
      message.role !== 'assistant' && !rendered.includes(message.content.trim()) ? [index] : [],
    );
    const { spans, warning } = findContents(messages, this.template.source, rendered, render);
    const warnings = [plan.folded ? foldedWarning : null, warning].filter((each) => each !== null);
    return { rendered, spans: plan.folded?.unfold(spans) ?? spans, warnings, missing };
  }

  private renderOnce(messages: readonly ChatMessage[], form: Form, addGenerationPrompt: boolean): string {
    const inForm = messages.map(({ role, content }) => ({
      role,
      content: form === 'text' ? content : [{ type: 'text', text: content }],
    }));
    return renderTemplate(this.template, {
      tools: null,
      documents: null,
      ...this.variables,
      messages: inForm,
      add_generation_prompt: addGenerationPrompt,
    });
  }
}

const foldSeparator = '\n\n';

/** Puts a leading system message before the first user message; null where there is none of either. */
function foldSystem(messages: readonly ChatMessage[]): Folding | null {
  const [system, ...rest] = messages;
  const first = rest.findIndex((message) => message.role === 'user');
  if (system?.role !== 'system' || first < 0) return null;
  return {
    messages: rest.map((message, index) =>
      index === first ? { ...message, content: system.content + foldSeparator + message.content } : message,
    ),
    unfold: (spans) => unfoldOrigins(spans, system.content.length, foldSeparator.length, first),
  };
}

/**
 * Tells contents from template by rendering again with marks around the contents. Where a template looks into what the assistant said (to
 * drop its thoughts, say), only the other contents are marked; where even that changes the text, nothing is known.
 */
function findContents(
  messages: readonly ChatMessage[],
  template: string,
  rendered: string,
  render: (messages: readonly ChatMessage[]) => string,
): { spans: readonly ChatSpan[]; warning: string | null } {
  const marks = marksFor([template, rendered, ...messages.map((message) => message.content)]);
  const attempt = (marked: (message: ChatMessage) => boolean): readonly ChatSpan[] | null =>
    marks === null ? null : tryMarks(messages, marks, marked, rendered, render);
  const all = attempt(() => true);
  if (all !== null) return { spans: all, warning: null };
  const others = attempt((message) => message.role !== 'assistant');
  if (others !== null) {
    const warning =
      'The chat template changes what the assistant said: names of special tokens in its messages are obeyed.';
    return { spans: findUnmarked(others, messages), warning };
  }
  const warning =
    'The chat template changes the messages: names of special tokens in all of them are obeyed.';
  return { spans: findUnmarked([templateSpan(rendered)], messages), warning };
}

function tryMarks(
  messages: readonly ChatMessage[],
  marks: Marks,
  marked: (message: ChatMessage) => boolean,
  rendered: string,
  render: (messages: readonly ChatMessage[]) => string,
): readonly ChatSpan[] | null {
  const withMarks = messages.map((message) =>
    marked(message) ? { ...message, content: markContents(message.content, marks) } : message,
  );
  try {
    const spans = spansOf(render(withMarks), marks, rendered);
    return spans && nameContents(spans, messages, marked);
  } catch (thrown) {
    if (thrown instanceof LabError && thrown.code === 'template-failed') return null;
    throw thrown;
  }
}
