/** Reading a command's arguments: every mistake is one clear sentence and the code bad-request. */
import { parseArgs } from 'node:util';
import { LabError } from '../contract/errors.ts';

export interface Option {
  /** What its value is called in the help; absent: a switch. */
  readonly value?: string;
  readonly multiple?: boolean;
  readonly help: string;
}
export type Options = Readonly<Record<string, Option>>;

export function badArgument(message: string): LabError {
  return new LabError('bad-request', message);
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30,
}; // prettier-ignore

/** The arguments of one call, read by name; a value that is not what it must be is refused with the option's name. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(positionals: readonly string[], values: Readonly<Record<string, unknown>>) {
    this.positionals = positionals;
    this.#values = values;
  }

  withPositionals(positionals: readonly string[]): Arguments {
    return new Arguments(positionals, this.#values);
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  text(name: string): string | undefined {
    return this.#values[name] as string | undefined;
  }

  texts(name: string): string[] {
    return (this.#values[name] as string[] | undefined) ?? [];
  }

  /** Throws where the option is absent. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw badArgument(`--${name} is missing.`);
    return value;
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) throw badArgument(`--${name} takes a number, not ${JSON.stringify(text)}.`);
    return value;
  }

  integer(name: string, minimum = 0): number | undefined {
    const value = this.number(name);
    if (value === undefined || (Number.isSafeInteger(value) && value >= minimum)) return value;
    throw badArgument(`--${name} takes a whole number from ${minimum} up, not ${value}.`);
  }

  /** A size: a number of bytes, or one with a unit, e.g. 512MiB or 1.5GB. */
  bytes(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim()) ?? [];
    const scale = unitBytes[unit.toLowerCase()];
    const bytes = Math.floor(Number(number) * (scale ?? Number.NaN));
    if (number !== '' && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
    throw badArgument(`--${name} takes a size such as 512MiB or 2GB, not ${JSON.stringify(text)}.`);
  }

  /** A size, or auto; null where it was not given. */
  memoryBudget(name: string): number | 'auto' | null {
    return this.text(name) === 'auto' ? 'auto' : (this.bytes(name) ?? null);
  }

  requiredInteger(name: string, minimum: number): number {
    this.required(name);
    return this.integer(name, minimum) ?? minimum;
  }

  /** Null where it was not given. */
  oneOf<const T extends string>(name: string, allowed: readonly T[]): T | null {
    const text = this.text(name);
    if (text === undefined) return null;
    const found = allowed.find((each) => each === text);
    if (found === undefined) throw badArgument(`--${name} is one of ${allowed.join(', ')}, not ${text}.`);
    return found;
  }

  /** Exactly the named positional arguments, in order. */
  exactly<N extends readonly string[]>(...names: N): { [K in keyof N]: string } {
    const missing = names[this.positionals.length];
    if (missing !== undefined) throw badArgument(`${missing} is missing.`);
    const stray = this.positionals[names.length];
    if (stray !== undefined) throw badArgument(`${JSON.stringify(stray)} is one argument too many.`);
    return [...this.positionals] as unknown as { [K in keyof N]: string };
  }
}

export function readArguments(argv: readonly string[], options: Options): Arguments {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { value, multiple }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: multiple ?? false },
    ]),
  );
  try {
    const parsed = parseArgs({ args: [...argv], options: config, allowPositionals: true, strict: true });
    return new Arguments(parsed.positionals, parsed.values);
  } catch (error) {
    throw badArgument(plainMessage(error));
  }
}

/** Node's own sentences, without its advice on positional arguments. */
function plainMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /Unknown option '([^']*)'/.exec(message)?.[1];
  if (unknown !== undefined) return `There is no option ${unknown} here.`;
  const missing = /Option '(?:-\w, )?([^' ]*)[^']*' argument missing/.exec(message)?.[1];
  if (missing !== undefined) return `${missing} needs a value.`;
  const ambiguous = /Option '(?:-\w, )?([^' ]*)[^']*' argument is ambiguous/.exec(message)?.[1];
  if (ambiguous !== undefined) {
    return `${ambiguous} needs a value; one that begins with - is written ${ambiguous}=-1.`;
  }
  return message.split('\n')[0] ?? message;
}

/** `1,2,3`. */
export function readIds(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim());
  return parts.map((part) => {
    if (/^\d{1,10}$/.test(part) && Number(part) <= 0x7fff_ffff) return Number(part);
    throw badArgument(`--ids takes token ids with commas between them; ${JSON.stringify(part)} is none.`);
  });
}
