/**
 * Walks protobuf's wire format of ONNX messages without building objects: checks that every length stays inside its parent and
 * counts what decoding would allocate. A message of 2 bytes becomes an object of some hundred: unlimited, a small file could
 * ask for gigabytes, or for a recursion that overflows the stack.
 */
import { badFile } from '../../contract/errors.ts';

export type MessageKind = keyof typeof messages;

interface Message {
  /** Fields that hold messages. */
  readonly children: Readonly<Record<number, MessageKind>>;
  /** Fields that may hold many packed numbers. */
  readonly packed?: readonly number[];
}

/** The messages of onnx.proto that a checked file may contain, by field number. */
const messages = {
  node: { children: { 5: 'attribute', 9: 'entry', 10: 'leaf' } },
  attribute: {
    children: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 14: 'type', 15: 'type', 22: 'sparse', 23: 'sparse' },
    packed: [7, 8],
  },
  graph: {
    children: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 14: 'leaf', 15: 'sparse', 16: 'entry' },
  },
  tensor: { children: { 3: 'leaf', 13: 'entry', 16: 'entry' }, packed: [1, 4, 5, 7, 10, 11] },
  sparse: { children: { 1: 'tensor', 2: 'tensor' }, packed: [3] },
  value: { children: { 2: 'type', 4: 'entry' } },
  type: { children: { 1: 'tensorType', 4: 'sequence', 5: 'map', 8: 'tensorType', 9: 'sequence' } },
  sequence: { children: { 1: 'type' } },
  map: { children: { 2: 'type' } },
  tensorType: { children: { 2: 'shape' } },
  shape: { children: { 1: 'leaf' } },
  entry: { children: {} },
  leaf: { children: {} },
} as const satisfies Record<string, { children: Record<number, string>; packed?: readonly number[] }>; // prettier-ignore

/** If, Loop and Scan inside one another; exporters reach 2. */
const maximumDepth = 64;
/** Public decoders decode to some ten thousand messages; each costs up to 1 KB. */
export const maximumMessages = 160_000;
const maximumValues = 1_000_000;

/** Counts over all messages of one file. */
export class WireLimits {
  readonly #file: string;
  #messages = 0;
  #values = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Checks one message whose first byte lies at `offset` of the file. Throws bad-file. */
  check(kind: MessageKind, bytes: Uint8Array, offset: number): void {
    this.#walk(kind, new WireCursor(bytes, this.#file, offset), bytes.length, 0);
  }

  /** A message whose fields are looked at elsewhere. */
  addMessage(offset: number): void {
    if (++this.#messages <= maximumMessages) return;
    throw badFile(`more than ${maximumMessages} nodes and values`, { file: this.#file, offset });
  }

  #walk(kind: MessageKind, cursor: WireCursor, end: number, depth: number): void {
    const { children, packed }: Message = messages[kind];
    this.addMessage(cursor.offset);
    if (depth > maximumDepth) cursor.fail(`graphs nested deeper than ${maximumDepth} levels of messages`);
    while (cursor.position < end) {
      const { field, wire } = cursor.tag(end);
      if (wire !== 2) {
        cursor.skip(wire, end);
        this.#count(1, cursor);
        continue;
      }
      const length = cursor.length(end);
      const child = children[field];
      if (child) {
        this.#walk(child, cursor, cursor.position + length, depth + 1);
        continue;
      }
      this.#count(packed?.includes(field) ? length : 1, cursor);
      cursor.position += length;
    }
  }

  #count(values: number, cursor: WireCursor): void {
    this.#values += values;
    if (this.#values > maximumValues) cursor.fail(`more than ${maximumValues} values outside the weights`);
  }
}

/** Reads tags and lengths from bytes in memory. */
export class WireCursor {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #file: string;
  readonly #base: number;

  constructor(bytes: Uint8Array, file: string, base: number) {
    this.#bytes = bytes;
    this.#file = file;
    this.#base = base;
  }

  /** In the file. */
  get offset(): number {
    return this.#base + this.position;
  }

  fail(message: string): never {
    throw badFile(message, { file: this.#file, offset: this.offset });
  }

  tag(end: number): { field: number; wire: number } {
    const tag = this.varint(end);
    const field = Math.floor(tag / 8);
    if (field === 0 || field > 0x1fff_ffff) this.fail('a field with an impossible number');
    return { field, wire: tag % 8 };
  }

  /** A length that ends inside the parent. */
  length(end: number): number {
    const length = this.varint(end);
    if (length > end - this.position)
      this.fail(`a field of ${length} bytes reaches past the end of its message`);
    return length;
  }

  /** Skips a value that holds no length. */
  skip(wire: number, end: number): void {
    if (wire === 0) this.varint(end);
    else if (wire === 1) this.position += 8;
    else if (wire === 5) this.position += 4;
    else this.fail(`wire type ${wire} is not used by ONNX`);
    if (this.position > end) this.fail('a number reaches past the end of its message');
  }

  /** Exact up to 2^53; larger values are only ever skipped. */
  varint(end: number): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.position >= end) this.fail('a number reaches past the end of its message');
      const byte = this.#bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.fail('a number of more than 10 bytes');
  }
}
