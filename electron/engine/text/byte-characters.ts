/**
 * The byte alphabet of byte-level BPE (GPT-2): every byte is written as one printable character. Printable Latin-1 bytes stand
 * for themselves; the other 68 take the characters from U+0100 upwards, in order.
 */
const firstSubstitute = 0x100;

function standsForItself(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

const codeOfByte = new Uint16Array(256);
const characterOfByte: string[] = [];
const byteOfCharacter = new Map<number, number>();
for (let byte = 0, substitutes = 0; byte < 256; byte += 1) {
  const code = standsForItself(byte) ? byte : firstSubstitute + substitutes++;
  codeOfByte[byte] = code;
  characterOfByte.push(String.fromCharCode(code));
  byteOfCharacter.set(code, byte);
}

/** Longer texts are written at once: a million concatenations cost more. */
const shortText = 256;
const utf8 = new TextEncoder();
const utf16 = new TextDecoder('utf-16le');

/** Text as byte-level characters of its UTF-8 bytes. Lone surrogates become U+FFFD, as UTF-8 cannot hold them. */
export function toByteCharacters(text: string): string {
  if (text.length > shortText) return encodedCharacters(text);
  let characters = '';
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return encodedCharacters(text);
    characters += characterOfByte[code] as string;
  }
  return characters;
}

function encodedCharacters(text: string): string {
  const bytes = utf8.encode(text);
  const codes = new Uint16Array(bytes.length);
  for (let index = 0; index < bytes.length; index += 1)
    codes[index] = codeOfByte[bytes[index] as number] as number;
  return utf16.decode(codes);
}

/** The bytes that byte-level characters stand for; null where a character is outside the alphabet (an added token's own text). */
export function fromByteCharacters(characters: string): Uint8Array | null {
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < characters.length; index += 1) {
    const byte = byteOfCharacter.get(characters.charCodeAt(index));
    if (byte === undefined) return null;
    bytes[index] = byte;
  }
  return bytes;
}
