/**
 * The interpreter of @huggingface/jinja with what it does unlike Python's jinja2 put right: text that a loop printed before `break`, str + other,
 * ==, ~, *, %, printing of None, booleans, floats and containers, tojson, format, join, strip(characters). Everything goes through the
 * interpreter's public `evaluate`; `evaluateBlock` is replaced on the instance (0.5.11).
 */
import { Interpreter } from '@huggingface/jinja';
import type { Environment } from '@huggingface/jinja';
import { LabError } from '../../contract/errors.ts';
import { entriesOf, itemsOf, percentFormat, pythonText, toJson, typeName } from './jinja-values.ts';
import type { JsonOptions, Value } from './jinja-values.ts';
import { trimmedRange } from './white-space.ts';

type Statement = NonNullable<Parameters<Interpreter['evaluate']>[0]>;

interface Binary extends Statement {
  readonly operator: { readonly value: string };
  readonly left: Statement;
  readonly right: Statement;
}
interface Call extends Statement {
  readonly callee: Statement;
  readonly args: readonly Statement[];
}
interface Member extends Statement {
  readonly object: Statement;
  readonly property: Statement & { readonly value?: unknown };
  readonly computed: boolean;
}
interface Filter extends Statement {
  readonly operand: Statement;
  readonly filter: Statement & {
    readonly value?: unknown;
    readonly callee?: Statement & { readonly value?: unknown };
  };
}
interface Keyword extends Statement {
  readonly key: { readonly value: string };
  readonly value: Statement;
}
/** A statement whose value is known already. */
interface Evaluated extends Statement {
  readonly result: Value;
}

/** Characters that a template may print, and hold in one text. */
const outputLimit = 8 * 2 ** 20;

/** `break` or `continue` on its way to its loop, with what was printed before it. */
export class LoopControl extends Error {
  readonly kind: 'break' | 'continue';
  printed = '';
  constructor(kind: 'break' | 'continue') {
    super(kind);
    this.kind = kind;
  }
}

const silent = new Set(['Set', 'Macro', 'Comment']);
/** Filters that jinja2 applies to str(value). */
const textFilters = new Set(['trim', 'replace', 'upper', 'lower', 'title', 'capitalize', 'indent']);
const strips = new Set(['strip', 'lstrip', 'rstrip']);

/** Runs one template once. */
export class ChatInterpreter extends Interpreter {
  private readonly loopBodies = new WeakSet();
  /** Scopes of loops that met `break`. */
  private readonly broken = new WeakSet<Environment>();
  private readonly StringValue: new (text: string) => Value;

  constructor(environment: Environment) {
    super(environment);
    const empty = super.evaluate({ type: 'StringLiteral', value: '' } as Statement, environment);
    this.StringValue = empty.constructor as new (text: string) => Value;
    Object.defineProperty(this, 'evaluateBlock', {
      value: (statements: readonly Statement[], scope: Environment) => this.printBlock(statements, scope),
    });
  }

  override evaluate(statement: Statement | undefined, environment: Environment): Value {
    if (statement === undefined) return super.evaluate(statement, environment);
    switch (statement.type) {
      case 'Evaluated':
        return (statement as Evaluated).result;
      case 'For':
        this.loopBodies.add((statement as Statement & { body: object }).body);
        break;
      case 'Break':
        throw new LoopControl('break');
      case 'Continue':
        throw new LoopControl('continue');
      case 'BinaryExpression':
        return this.binary(statement as Binary, environment);
      case 'FilterExpression':
        return this.filter(statement as Filter, environment);
      case 'CallExpression':
        return this.call(statement as Call, environment);
    }
    return super.evaluate(statement, environment);
  }

  private printBlock(statements: readonly Statement[], scope: Environment): Value {
    const isLoopBody = this.loopBodies.has(statements);
    // The library's own signal, which its loop understands, is thrown where the next round would begin.
    if (isLoopBody && this.broken.has(scope)) return super.evaluate({ type: 'Break' }, scope);
    let text = '';
    try {
      for (const statement of statements) {
        const value = this.evaluate(statement, scope);
        if (silent.has(statement.type)) continue;
        text += pythonText(value);
        checkLength(text.length);
      }
    } catch (thrown) {
      if (!(thrown instanceof LoopControl)) throw thrown;
      thrown.printed = text + thrown.printed;
      if (!isLoopBody) throw thrown;
      if (thrown.kind === 'break') this.broken.add(scope);
      text = thrown.printed;
    }
    return this.text(text);
  }

  private binary(node: Binary, environment: Environment): Value {
    const operator = node.operator.value;
    if (!['+', '~', '*', '%', '==', '!='].includes(operator)) return super.evaluate(node, environment);
    const left = this.evaluate(node.left, environment);
    const right = this.evaluate(node.right, environment);
    const own = this.ownBinary(operator, left, right);
    if (own !== null) return own;
    return super.evaluate(
      { ...node, left: evaluated(left), right: evaluated(right) } as Statement,
      environment,
    );
  }

  /** null: as the library does it. */
  private ownBinary(operator: string, left: Value, right: Value): Value | null {
    const isText = (value: Value): boolean => value.type === 'StringValue';
    if (operator === '==' || operator === '!=') return this.boolean(equal(left, right) === (operator === '=='));
    if (operator === '~') return this.text(pythonText(left) + pythonText(right));
    if (operator === '*') return this.repeated(left, right);
    if (operator === '%') {
      return isText(left) ? this.text(percentFormat(left.value as string, right.type === 'TupleValue' ? (itemsOf(right) ?? []) : [right])) : null;
    }
    if (isText(left) && isText(right)) return this.text((left.value as string) + (right.value as string));
    if (isText(left) || isText(right)) {
      throw new TypeError(`can only concatenate str (not "${typeName(isText(left) ? right : left)}") to str`);
    }
    return null;
  } // prettier-ignore

  private repeated(left: Value, right: Value): Value | null {
    const [text, count] = left.type === 'StringValue' ? [left, right] : [right, left];
    if (text.type !== 'StringValue' || count.type !== 'IntegerValue') return null;
    const times = Math.max(0, count.value as number);
    checkLength((text.value as string).length * times);
    return this.text((text.value as string).repeat(times));
  }

  private filter(node: Filter, environment: Environment): Value {
    const operand = this.evaluate(node.operand, environment);
    const name = node.filter.type === 'Identifier' ? node.filter.value : node.filter.callee?.value;
    const isCall = node.filter.type === 'CallExpression';
    switch (name) {
      case 'tojson':
        return this.text(toJson(operand, jsonOptions(this.keywords(node.filter as Call, environment))));
      case 'format':
        return this.text(percentFormat(pythonText(operand), this.positional(node.filter as Call, environment)));
      case 'string':
        return this.text(pythonText(operand));
      case 'trim':
        if (!isCall) return this.text(strip(pythonText(operand), 'strip', null));
        break;
      case 'join': {
        const items = itemsOf(operand);
        if (items === null || this.keywords(node.filter as Call, environment).size > 0) break;
        const separator = this.positional(node.filter as Call, environment)[0];
        return this.text(items.map(pythonText).join(separator === undefined ? '' : pythonText(separator)));
      }
    }
    const coerced = typeof name === 'string' && textFilters.has(name) ? this.text(pythonText(operand)) : operand;
    return super.evaluate({ ...node, operand: evaluated(coerced) } as Statement, environment);
  } // prettier-ignore

  /** strip(characters), which the library takes for strip(). */
  private call(node: Call, environment: Environment): Value {
    const member = node.callee as Member;
    const name = member.type === 'MemberExpression' && !member.computed ? member.property.value : undefined;
    if (typeof name !== 'string' || !strips.has(name)) return super.evaluate(node, environment);
    const object = this.evaluate(member.object, environment);
    if (object.type !== 'StringValue') {
      const callee = { ...member, object: evaluated(object) };
      return super.evaluate({ ...node, callee } as Statement, environment);
    }
    const characters = this.positional(node, environment)[0];
    const set = characters?.type === 'StringValue' ? (characters.value as string) : null;
    return this.text(strip(object.value as string, name, set));
  }

  private positional(call: Call, environment: Environment): Value[] {
    const args = call.type === 'CallExpression' ? call.args : [];
    return args
      .filter((each) => each.type !== 'KeywordArgumentExpression')
      .map((each) => this.evaluate(each, environment));
  }

  private keywords(call: Call, environment: Environment): Map<string, Value> {
    const args = call.type === 'CallExpression' ? call.args : [];
    const named = args.filter((each) => each.type === 'KeywordArgumentExpression') as Keyword[];
    return new Map(named.map((each) => [each.key.value, this.evaluate(each.value, environment)]));
  }

  private text(text: string): Value {
    checkLength(text.length);
    return new this.StringValue(text);
  }

  private boolean(value: boolean): Value {
    return this.global.lookupVariable(value ? 'True' : 'False');
  }
}

function evaluated(result: Value): Statement {
  return { type: 'Evaluated', result } as Evaluated;
}

function checkLength(length: number): void {
  if (length <= outputLimit) return;
  throw new LabError('template-failed', `The chat template makes a text longer than ${outputLimit} characters.`);
} // prettier-ignore

/** Python's ==. */
function equal(left: Value, right: Value): boolean {
  const numeric = (value: unknown): value is number | boolean =>
    typeof value === 'number' || typeof value === 'boolean';
  if (numeric(left.value) && numeric(right.value)) return Number(left.value) === Number(right.value);
  const [lefts, rights] = [itemsOf(left), itemsOf(right)];
  if (lefts !== null && rights !== null) {
    return lefts.length === rights.length && lefts.every((each, index) => equal(each, rights[index] as Value));
  }
  const [leftMap, rightMap] = [entriesOf(left), entriesOf(right)];
  if (leftMap !== null && rightMap !== null) {
    if (leftMap.size !== rightMap.size) return false;
    return [...leftMap].every(([key, each]) => {
      const other = rightMap.get(key);
      return other !== undefined && equal(each, other);
    });
  }
  return left.type === right.type && left.value === right.value;
} // prettier-ignore

/** str.strip, lstrip and rstrip; `characters` null: white space. */
function strip(text: string, name: string, characters: string | null): string {
  if (characters === null) {
    const [from, to] = trimmedRange(text);
    return text.slice(name === 'rstrip' ? 0 : from, name === 'lstrip' ? text.length : to);
  }
  const set = new Set(characters);
  const all = Array.from(text);
  let from = 0;
  let to = all.length;
  if (name !== 'rstrip') while (from < to && set.has(all[from] as string)) from += 1;
  if (name !== 'lstrip') while (to > from && set.has(all[to - 1] as string)) to -= 1;
  return all.slice(from, to).join('');
}

function jsonOptions(keywords: ReadonlyMap<string, Value>): JsonOptions {
  const indent = keywords.get('indent')?.value;
  const separators = keywords.get('separators');
  const [comma, colon] = separators === undefined ? [] : (itemsOf(separators) ?? []);
  return {
    indent: typeof indent === 'number' ? Math.min(Math.max(indent, 0), 64) : null,
    ensureAscii: keywords.get('ensure_ascii')?.value === true,
    sortKeys: keywords.get('sort_keys')?.value === true,
    separators: comma === undefined || colon === undefined ? null : [pythonText(comma), pythonText(colon)],
  };
}
