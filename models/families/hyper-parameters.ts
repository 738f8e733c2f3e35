/**
 * Typed, bounded access to a model's hyper-parameters: config.json, or GGUF metadata under `<architecture>.`. A field that is
 * absent, of the wrong type or out of bounds is `bad-file` with its name; nothing read here is trusted to be sane elsewhere.
 */
import { badFile, LabError } from '../../electron/contract/errors.ts';
import type { GgufValue, Json, JsonObject, ModelSource } from '../../electron/contract/model-source.ts';

/** A field's name in config.json and in GGUF (after the architecture). A plain string is the name in both; a kind left out has no such field. */
export type Field = string | { readonly config?: string; readonly gguf?: string };

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Widths and counts of rows: what an int32 holds. */
export const sizeBounds: Bounds = { min: 1, max: 2 ** 31 - 1 };
export const layerBounds: Bounds = { min: 1, max: 10_000 };
/** Heads, experts, and the width of a head. */
export const countBounds: Bounds = { min: 1, max: 65_536 };
export const epsilonBounds: Bounds = { min: 0, max: 1 };
export const positiveBounds: Bounds = { min: 1e-9, max: 1e15 };

type Value = Json | GgufValue | undefined;

interface Origin {
  readonly kind: 'config' | 'gguf';
  readonly file: string;
  /** Stands before a field's name in messages: `llama.`, `rope_scaling.`. */
  readonly prefix: string;
  read(name: string): Value;
}

/** The language model's own part of config.json: `text_config` where a vision model wraps it. */
export function languageConfig(config: JsonObject): { config: JsonObject; nested: boolean } {
  const text = own(config, 'text_config');
  return isObject(text) ? { config: text, nested: true } : { config, nested: false };
}

export class HyperParameters {
  readonly isGguf: boolean;
  readonly #origin: Origin;

  private constructor(origin: Origin) {
    this.#origin = origin;
    this.isGguf = origin.kind === 'gguf';
  }

  /** `nestedDefaults` stand in for what a vision model's text_config leaves to the defaults of its library. */
  static of(source: ModelSource, nestedDefaults: JsonObject = {}): HyperParameters {
    const { metadata } = source;
    if (metadata.kind === 'gguf') {
      const prefix = `${source.architecture}.`;
      const file = source.files[0]?.name ?? source.name;
      return new HyperParameters({
        kind: 'gguf',
        file,
        prefix,
        read: (name) => metadata.values.get(prefix + name),
      });
    }
    const { config, nested } = languageConfig(metadata.config);
    return new HyperParameters({
      kind: 'config',
      file: 'config.json',
      prefix: nested ? 'text_config.' : '',
      read: (name) => own(config, name) ?? (nested ? own(nestedDefaults, name) : undefined),
    });
  }

  /** The field is there and not null. */
  has(field: Field): boolean {
    return this.#value(field) !== undefined;
  }

  integer(field: Field, bounds: Bounds, fallback?: number): number {
    const value = this.optionalInteger(field, bounds) ?? fallback;
    if (value === undefined) throw this.fault(field, 'is missing');
    return value;
  }

  optionalInteger(field: Field, bounds: Bounds): number | null {
    const value = this.#value(field);
    return value === undefined ? null : this.#checkInteger(field, value, bounds);
  }

  number(field: Field, bounds: Bounds, fallback?: number): number {
    const value = this.optionalNumber(field, bounds) ?? fallback;
    if (value === undefined) throw this.fault(field, 'is missing');
    return value;
  }

  optionalNumber(field: Field, bounds: Bounds): number | null {
    const value = this.#value(field);
    return value === undefined ? null : this.#checkNumber(field, value, bounds);
  }

  boolean(field: Field, fallback: boolean): boolean {
    const value = this.#value(field) ?? fallback;
    if (typeof value !== 'boolean') throw this.fault(field, 'must be true or false');
    return value;
  }

  optionalString(field: Field): string | null {
    const value = this.#value(field) ?? null;
    if (value !== null && typeof value !== 'string') throw this.fault(field, 'must be a string');
    return value;
  }

  /** One integer per layer; GGUF may store a single one for all, or an array. */
  integerPerLayer(field: Field, layers: number, bounds: Bounds, fallback?: readonly number[]): number[] {
    const value = this.#value(field);
    if (value === undefined && fallback) return [...fallback];
    if (value === undefined) throw this.fault(field, 'is missing');
    const list = asList(value);
    if (!list) return new Array<number>(layers).fill(this.#checkInteger(field, value, bounds));
    if (list.length !== layers) {
      throw this.fault(field, `holds ${list.length} values for ${layers} layers`);
    }
    return list.map((item) => this.#checkInteger(field, item, bounds));
  }

  /** A list of `count` numbers, or null where the field is absent. */
  optionalNumbers(field: Field, count: number, bounds: Bounds): number[] | null {
    const list = this.#list(field);
    if (!list) return null;
    if (list.length !== count) throw this.fault(field, `holds ${list.length} values, ${count} were expected`);
    return list.map((item) => this.#checkNumber(field, item, bounds));
  }

  /** A list of integers of any length up to `most`, or null where the field is absent. */
  optionalIntegers(field: Field, most: number, bounds: Bounds): number[] | null {
    const list = this.#list(field);
    if (!list) return null;
    if (list.length > most)
      throw this.fault(field, `holds ${list.length} values, at most ${most} make sense`);
    return list.map((item) => this.#checkInteger(field, item, bounds));
  }

  /** One string per layer, or null where the field is absent. */
  optionalStrings(field: Field, count: number): string[] | null {
    const list = this.#list(field);
    if (!list) return null;
    if (list.length !== count) throw this.fault(field, `holds ${list.length} values, ${count} were expected`);
    return list.map((item) => {
      if (typeof item !== 'string') throw this.fault(field, 'must hold strings');
      return item;
    });
  }

  /** One truth value per layer where the field is an array of them, else null. */
  optionalFlags(field: Field, count: number): readonly boolean[] | null {
    const value = this.#value(field);
    const list = value === undefined ? null : asList(value);
    if (!list || !list.every((item) => typeof item === 'boolean')) return null;
    if (list.length !== count) throw this.fault(field, `holds ${list.length} values, ${count} were expected`);
    return list;
  }

  /** The object in a field of config.json, read by the same rules; null where it is absent. */
  nested(name: string): HyperParameters | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    if (!isObject(value)) throw this.fault(name, 'must be an object');
    const { kind, file, prefix } = this.#origin;
    return new HyperParameters({
      kind,
      file,
      prefix: `${prefix}${name}.`,
      read: (inner) => own(value, inner),
    });
  }

  /** The field holds exactly this word, where a number would be usual. */
  isText(name: string, word: string): boolean {
    return this.#origin.read(name) === word;
  }

  /** config.json says null outright, which its library takes for "off" and not for "default". */
  isNull(name: string): boolean {
    return this.#origin.read(name) === null;
  }

  /** A pair [minimum, maximum]; the maximum may be infinite. */
  optionalLimits(field: Field): { minimum: number; maximum: number } | null {
    const list = this.#list(field);
    if (!list) return null;
    const [minimum, maximum] = list;
    if (
      list.length !== 2 ||
      typeof minimum !== 'number' ||
      typeof maximum !== 'number' ||
      !(minimum <= maximum)
    ) {
      throw this.fault(field, 'must hold a minimum and a maximum');
    }
    return { minimum, maximum };
  }

  fault(field: Field, problem: string): LabError {
    return badFile(problem, { file: this.#origin.file, field: this.#name(field) });
  }

  /** The file is sound but asks for something that is not built. */
  unsupported(field: Field, what: string): LabError {
    const name = this.#name(field);
    const { file } = this.#origin;
    return new LabError('unsupported-feature', `${file}, ${name}: ${what} is not supported.`, {
      file,
      field: name,
    });
  }

  #name(field: Field): string {
    const name = typeof field === 'string' ? field : this.isGguf ? field.gguf : field.config;
    return this.#origin.prefix + (name ?? '');
  }

  #value(field: Field): Exclude<Value, null | undefined> | undefined {
    const name = typeof field === 'string' ? field : this.isGguf ? field.gguf : field.config;
    return name === undefined ? undefined : (this.#origin.read(name) ?? undefined);
  }

  #list(field: Field): readonly Value[] | null {
    const value = this.#value(field);
    if (value === undefined) return null;
    const list = asList(value);
    if (!list) throw this.fault(field, 'must be a list');
    return list;
  }

  #checkInteger(field: Field, value: Value, bounds: Bounds): number {
    if (typeof value === 'bigint') throw this.fault(field, `is ${value}, more than any model has`);
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      throw this.fault(field, `must be an integer, is ${describe(value)}`);
    }
    return this.#checkBounds(field, value, bounds);
  }

  #checkNumber(field: Field, value: Value, bounds: Bounds): number {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw this.fault(field, `must be a finite number, is ${describe(value)}`);
    }
    return this.#checkBounds(field, this.isGguf ? shortestDecimal(value) : value, bounds);
  }

  #checkBounds(field: Field, value: number, { min, max }: Bounds): number {
    if (value < min || value > max) throw this.fault(field, `is ${value}, must lie in ${min}…${max}`);
    return value;
  }
}

/** GGUF stores float32: the short decimal that rounds to it is what the model's own configuration says. */
function shortestDecimal(value: number): number {
  const decimal = Number(value.toPrecision(7));
  return Math.fround(decimal) === value ? decimal : value;
}

function own(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function isObject(value: Value): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function asList(value: Value): readonly Value[] | null {
  if (Array.isArray(value)) return value as readonly Value[];
  if (!ArrayBuffer.isView(value)) return null;
  return Array.from(value as Float64Array);
}

function describe(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'object') return asList(value) ? 'a list' : 'an object';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
}
