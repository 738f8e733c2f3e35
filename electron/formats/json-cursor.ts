/**
 * A strict JSON reader (RFC 8259) over bytes that says where it stands. It builds nothing unless asked, so that a hostile
 * document costs no memory; depth is capped so that it costs no stack either.
 */
import { isUtf8 } from 'node:buffer';
import { badFile, type LabError } from '../contract/errors.ts';

const maximumDepth = 100;
const [quote, backslash, comma, colon, minus, plus, dot, zero, nine] = [
  0x22, 0x5c, 0x2c, 0x3a, 0x2d, 0x2b, 0x2e, 0x30, 0x39,
] as const; // prettier-ignore
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d] as const;

const escapes = new Set([...'"\\/bfnrtu'].map((letter) => letter.charCodeAt(0)));
const isDigit = (byte: number) => byte >= zero && byte <= nine;
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isHex = (byte: number) => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

export class JsonCursor {
  position = 0;
  /** Keys and containers passed by skipValue. */
  keys = 0;
  containers = 0;
  /** Where skipValue met the word Infinity, which Python writes though JSON has no such number. */
  readonly infinities: number[] = [];
  readonly #bytes: Buffer;
  readonly #file: string;
  readonly #base: number;

  /** `base` is the offset of the first byte in the file. Throws bad-file where the bytes are not UTF-8. */
  constructor(bytes: Buffer, file: string, base = 0) {
    this.#bytes = bytes;
    this.#file = file;
    this.#base = base;
    if (!isUtf8(bytes)) this.fail('not valid UTF-8', undefined, firstInvalidByte(bytes));
  }

  fail(message: string, field?: string, at = this.position): never {
    throw this.problem(message, field, at);
  }

  problem(message: string, field?: string, at = this.position): LabError {
    return badFile(message, {
      file: this.#file,
      ...(field !== undefined && { field }),
      offset: this.#base + at,
    });
  }

  /** The next byte that is not space, or -1 at the end. */
  peek(): number {
    const bytes = this.#bytes;
    while (this.position < bytes.length && isSpace(bytes[this.position] ?? 0)) this.position++;
    return bytes[this.position] ?? -1;
  }

  expect(character: string): void {
    if (this.peek() !== character.charCodeAt(0)) this.fail(`expected ${character}`);
    this.position++;
  }

  /** Only space may follow. */
  end(): void {
    if (this.peek() !== -1) this.fail('unexpected bytes after the JSON value');
  }

  /** Calls `member` at each value of an object; it must read that value. */
  object(member: (key: string, at: number) => void): void {
    this.expect('{');
    if (this.peek() === closeBrace) {
      this.position++;
      return;
    }
    for (;;) {
      this.peek();
      const at = this.position;
      const key = this.string();
      this.expect(':');
      member(key, at);
      if (this.peek() === comma) this.position++;
      else break;
    }
    this.expect('}');
  }

  /** Calls `item` at each value of an array; it must read that value. */
  array(item: () => void): void {
    this.expect('[');
    if (this.peek() === closeBracket) {
      this.position++;
      return;
    }
    for (;;) {
      item();
      if (this.peek() === comma) this.position++;
      else break;
    }
    this.expect(']');
  }

  string(): string {
    this.peek();
    const start = this.position;
    const escaped = this.#skipString();
    if (escaped) return JSON.parse(this.#bytes.toString('utf8', start, this.position)) as string;
    return this.#bytes.toString('utf8', start + 1, this.position - 1);
  }

  /** A whole number from 0 to 2^53 − 1, written without fraction or exponent. */
  count(field: string): number {
    this.peek();
    const start = this.position;
    let value = 0;
    for (let byte = this.#bytes[start] ?? 0; isDigit(byte); byte = this.#bytes[this.position] ?? 0) {
      value = value * 10 + byte - zero;
      if (value > Number.MAX_SAFE_INTEGER) this.fail('the number is too large', field, start);
      this.position++;
    }
    const digits = this.position - start;
    const next = (this.#bytes[this.position] ?? 0) | 0x20;
    if (digits === 0 || next === dot || next === 0x65 || (digits > 1 && this.#bytes[start] === zero)) {
      this.fail('expected a whole number, 0 or more', field, start);
    }
    return value;
  }

  /** Checks the next value and steps over it. */
  skipValue(depth = 0): void {
    if (depth > maximumDepth) this.fail(`nested deeper than ${maximumDepth}`);
    switch (this.peek()) {
      case openBrace:
        this.containers++;
        return this.#skipObject(depth);
      case openBracket:
        this.containers++;
        return this.array(() => this.skipValue(depth + 1));
      case quote:
        this.#skipString();
        return;
      case 0x74:
        return this.#skipWord('true');
      case 0x66:
        return this.#skipWord('false');
      case 0x6e:
        return this.#skipWord('null');
      default:
        return this.#skipNumber();
    }
  }

  #skipObject(depth: number): void {
    this.position++;
    if (this.peek() === closeBrace) {
      this.position++;
      return;
    }
    for (;;) {
      if (this.peek() !== quote) this.fail('expected a key in quotes');
      this.#skipString();
      this.keys++;
      if (this.peek() !== colon) this.fail('expected :');
      this.position++;
      this.skipValue(depth + 1);
      if (this.peek() === comma) this.position++;
      else break;
    }
    this.expect('}');
  }

  #skipWord(word: string): void {
    const end = this.position + word.length;
    if (this.#bytes.toString('latin1', this.position, end) !== word) this.fail('expected a JSON value');
    this.position = end;
  }

  /** Returns whether the string holds escapes. */
  #skipString(): boolean {
    const bytes = this.#bytes;
    if (bytes[this.position] !== quote) this.fail('expected a string');
    let at = this.position + 1;
    let escaped = false;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined) this.fail('the string has no end');
      if (byte === quote) break;
      if (byte < 0x20) this.fail('a control character inside a string', undefined, at);
      if (byte === backslash) {
        escaped = true;
        at = this.#skipEscape(at);
      } else at++;
    }
    this.position = at + 1;
    return escaped;
  }

  #skipEscape(at: number): number {
    const kind = this.#bytes[at + 1] ?? 0;
    if (!escapes.has(kind)) this.fail('an unknown escape', undefined, at);
    if (kind !== 0x75) return at + 2;
    for (let digit = at + 2; digit < at + 6; digit++) {
      if (!isHex(this.#bytes[digit] ?? 0)) this.fail('\\u needs four hexadecimal digits', undefined, at);
    }
    return at + 6;
  }

  #skipNumber(): void {
    const bytes = this.#bytes;
    if (bytes[this.position] === minus) this.position++;
    if (bytes[this.position] === 0x49) {
      this.infinities.push(this.position);
      return this.#skipWord('Infinity');
    }
    if (bytes[this.position] === zero) this.position++;
    else this.#skipDigits();
    if (bytes[this.position] === dot) {
      this.position++;
      this.#skipDigits();
    }
    if (((bytes[this.position] ?? 0) | 0x20) === 0x65) {
      this.position++;
      const sign = bytes[this.position];
      if (sign === plus || sign === minus) this.position++;
      this.#skipDigits();
    }
  }

  #skipDigits(): void {
    const start = this.position;
    while (isDigit(this.#bytes[this.position] ?? 0)) this.position++;
    if (this.position === start) this.fail('expected a JSON value');
  }
}

/** Only on the way to an error: whole pieces find the place roughly, single bytes exactly. */
function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  for (const step of [65_536, 1]) {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    try {
      for (; at < bytes.length; at += step) {
        decoder.decode(bytes.subarray(at, at + step), { stream: true });
      }
    } catch {
      // The piece at `at` is the bad one.
    }
    // A piece may begin inside a character: the next pass starts where that character does.
    if (step > 1) while (at > 0 && ((bytes[at] ?? 0x80) & 0xc0) === 0x80) at--;
  }
  return at;
}
