/** CRC32C by tables, for headers. Records are checked by the addon, which has the processor's instruction (native/src/store/crc32c.h). */

const polynomial = 0x82f63b78;

/** tables[k][byte]: what a byte does to a register that holds nothing else, when k zero bytes follow. */
const tables = makeTables();

function makeTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0);
    return value;
  });
  const made = [first];
  for (let k = 1; k < 4; k++) {
    made.push(made[k - 1]!.map((before) => (before >>> 8) ^ first[before & 0xff]!));
  }
  return made;
}

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let state = 0xffffffff;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    state ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    state =
      t3[state & 0xff]! ^ t2[(state >>> 8) & 0xff]! ^ t1[(state >>> 16) & 0xff]! ^ t0[(state >>> 24) & 0xff]!;
  }
  for (; at < bytes.length; at++) state = (state >>> 8) ^ t0[(state ^ bytes[at]!) & 0xff]!;
  return ~state >>> 0;
}
