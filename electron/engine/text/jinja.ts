/**
 * Chat templates in Jinja2, by @huggingface/jinja. A template may loop for ever or fill the memory: render only in a process that may be
 * killed.
 */
import { Environment, parse, tokenize } from '@huggingface/jinja';
import { LabError } from '../../contract/errors.ts';
import { ChatInterpreter, LoopControl } from './jinja-interpreter.ts';
import { pythonText } from './jinja-values.ts';
import { strftime } from './strftime.ts';

type Program = ReturnType<typeof parse>;

const templateLimit = 2 ** 20;
const rangeLimit = 1_000_000;

/** A parsed template. */
export interface Template {
  readonly source: string;
  readonly program: Program;
}

/** Parses with trim_blocks and lstrip_blocks, as transformers does. Throws `template-failed`. */
export function parseTemplate(source: string): Template {
  if (source.length > templateLimit) {
    throw new LabError('template-failed', `The chat template is larger than ${templateLimit} characters.`);
  }
  return guarded(() => ({
    source,
    program: parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })),
  }));
}

/**
 * Renders a template. Besides `variables` it sees raise_exception, strftime_now, range and namespace. Throws `template-failed`, with the
 * template's own words where it raised the error itself; also where the text would be longer than 8 Mi characters.
 */
export function renderTemplate(template: Template, variables: Readonly<Record<string, unknown>>): string {
  return guarded(() => {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    return pythonText(new ChatInterpreter(environment).run(template.program));
  });
}

const globals = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (message: unknown) => {
    throw new LabError('template-failed', `The chat template refuses this conversation: ${String(message)}`);
  },
  strftime_now: (format: unknown) => strftime(new Date(), String(format)),
  range: (start: number, stop?: number, step = 1) => {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    if (step === 0) throw new RangeError('range() arg 3 must not be zero');
    const length = Math.max(0, Math.ceil((to - from) / step));
    if (!(length <= rangeLimit)) throw new RangeError(`range() is limited to ${rangeLimit} numbers`);
    return Array.from({ length }, (_, index) => from + index * step);
  },
};

function guarded<T>(action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    if (thrown instanceof LabError) throw thrown;
    const reason =
      thrown instanceof RangeError && thrown.message.includes('call stack')
        ? 'it is nested too deeply'
        : thrown instanceof LoopControl
          ? `${thrown.kind} outside a loop`
          : thrown instanceof Error
            ? thrown.message
            : String(thrown);
    throw new LabError('template-failed', `The chat template failed: ${reason}`, {}, { cause: thrown });
  }
}
