/** Values of a running template as Python writes them: str(), repr(), json.dumps() and the % operator. */
import type { Interpreter } from '@huggingface/jinja';

export type Value = ReturnType<Interpreter['evaluate']>;

/** The name of a value's type in Python's error messages. */
export function typeName(value: Value): string {
  const names: Record<string, string> = {
    StringValue: 'str',
    IntegerValue: 'int',
    FloatValue: 'float',
    BooleanValue: 'bool',
    NullValue: 'NoneType',
    UndefinedValue: 'Undefined',
    ArrayValue: 'list',
    TupleValue: 'tuple',
    ObjectValue: 'dict',
    KeywordArgumentsValue: 'dict',
    NamespaceValue: 'Namespace',
  };
  return names[value.type] ?? 'function';
}

/** Lists and tuples. */
export function itemsOf(value: Value): readonly Value[] | null {
  return Array.isArray(value.value) ? value.value : null;
}

/** Dictionaries and namespaces. */
export function entriesOf(value: Value): ReadonlyMap<string, Value> | null {
  return value.value instanceof Map ? value.value : null;
}

/** str(value) */
export function pythonText(value: Value): string {
  return value.type === 'StringValue' ? (value.value as string) : pythonRepr(value);
}

/** repr(value) */
export function pythonRepr(value: Value): string {
  const items = itemsOf(value);
  if (items !== null) {
    const inner = items.map(pythonRepr).join(', ');
    if (value.type !== 'TupleValue') return `[${inner}]`;
    return items.length === 1 ? `(${inner},)` : `(${inner})`;
  }
  const entries = entriesOf(value);
  if (entries !== null) {
    return `{${[...entries].map(([key, each]) => `${stringRepr(key)}: ${pythonRepr(each)}`).join(', ')}}`;
  }
  switch (value.type) {
    case 'StringValue':
      return stringRepr(value.value as string);
    case 'BooleanValue':
      return value.value === true ? 'True' : 'False';
    case 'FloatValue':
      return floatText(value.value as number);
    case 'IntegerValue':
      return (value.value as number).toString();
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return '';
    default:
      return '<function>';
  }
}

/** repr(float): the shortest digits, an exponent below 1e-4 and from 1e16. */
function floatText(number: number): string {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? 'nan' : number > 0 ? 'inf' : '-inf';
  if (Object.is(number, -0)) return '-0.0';
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return number.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

const unprintable = /[\p{C}\p{Z}]/u;
const namedEscapes = new Map([['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\\', '\\\\']]); // prettier-ignore

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = Array.from(text, (character) => {
    if (character === quote) return `\\${quote}`;
    if (character === ' ' || !(unprintable.test(character) || character === '\\')) return character;
    return namedEscapes.get(character) ?? numericEscape(character.codePointAt(0) as number);
  });
  return quote + inner.join('') + quote;
}

function numericEscape(code: number): string {
  const digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}

export interface JsonOptions {
  readonly indent: number | null;
  readonly ensureAscii: boolean;
  readonly sortKeys: boolean;
  readonly separators: readonly [string, string] | null;
}

/** json.dumps(value) as transformers' tojson filter calls it: nothing is escaped for HTML. */
export function toJson(value: Value, options: JsonOptions, depth = 0): string {
  const [comma, colon] = options.separators ?? [options.indent === null ? ', ' : ',', ': '];
  const items = itemsOf(value);
  if (items !== null)
    return bracketed(
      '[',
      items.map((each) => toJson(each, options, depth + 1)),
      ']',
      comma,
    );
  const entries = entriesOf(value);
  if (entries !== null) {
    const list = [...entries];
    if (options.sortKeys) list.sort(([a], [b]) => (a < b ? -1 : 1));
    const members = list.map(([key, each]) => jsonString(key, options) + colon + toJson(each, options, depth + 1));
    return bracketed('{', members, '}', comma);
  }
  switch (value.type) {
    case 'StringValue':
      return jsonString(value.value as string, options);
    case 'BooleanValue':
    case 'IntegerValue':
      return (value.value as number | boolean).toString();
    case 'FloatValue':
      return jsonFloat(value.value as number);
    case 'NullValue':
      return 'null';
    default:
      throw new TypeError(`Object of type ${typeName(value)} is not JSON serializable`);
  }

  function bracketed(open: string, members: readonly string[], close: string, separator: string): string {
    if (options.indent === null || members.length === 0) return open + members.join(separator) + close;
    const outer = `\n${' '.repeat(options.indent * depth)}`;
    const inner = outer + ' '.repeat(options.indent);
    return open + inner + members.join(separator + inner) + outer + close;
  }
} // prettier-ignore

function jsonString(text: string, options: JsonOptions): string {
  const quoted = JSON.stringify(text);
  if (!options.ensureAscii) return quoted;
  return quoted.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function jsonFloat(number: number): string {
  if (Number.isFinite(number)) return floatText(number);
  return Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity';
}

const conversion = /%(?:%|([-+ 0#]*)(\d+)?(?:\.(\d+))?([sdifgrxX]))/g;

/** format % arguments, for the conversions s d i f g r x. */
export function percentFormat(format: string, values: readonly Value[]): string {
  let next = 0;
  return format.replace(conversion, (whole, flags?: string, width?: string, digits?: string, kind?: string) => {
    if (whole === '%%' || kind === undefined) return '%';
    const value = values[next++];
    if (value === undefined) throw new TypeError('not enough arguments for format string');
    return padded(converted(value, kind, digits), flags ?? '', Math.min(Number(width ?? 0), 10_000), kind);
  });
} // prettier-ignore

function converted(value: Value, kind: string, digits: string | undefined): string {
  if (kind === 's' || kind === 'r') {
    const text = kind === 's' ? pythonText(value) : pythonRepr(value);
    return digits === undefined ? text : text.slice(0, Number(digits));
  }
  const number = typeof value.value === 'boolean' ? Number(value.value) : value.value;
  if (typeof number !== 'number') throw new TypeError(`%${kind} format: a number is required, not ${typeName(value)}`);
  if (kind === 'f') return number.toFixed(Math.min(Number(digits ?? 6), 100));
  if (kind === 'g') return String(Number(number.toPrecision(Math.min(Math.max(Number(digits ?? 6), 1), 100))));
  const integer = Math.trunc(number);
  if (kind === 'x' || kind === 'X') {
    const hex = integer.toString(16);
    return kind === 'X' ? hex.toUpperCase() : hex;
  }
  return String(integer);
} // prettier-ignore

function padded(text: string, flags: string, width: number, kind: string): string {
  const isNumber = kind !== 's' && kind !== 'r';
  const sign = isNumber && !text.startsWith('-') ? (flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') : '';
  const signed = sign + text;
  if (flags.includes('-')) return signed.padEnd(width);
  if (!isNumber || !flags.includes('0')) return signed.padStart(width);
  const digits = signed.replace(/^[-+ ]/, '');
  const lead = signed.slice(0, signed.length - digits.length);
  return lead + digits.padStart(width - lead.length, '0');
} // prettier-ignore
