/**
 * Whether the file of latest changes beside a database (`-wal`) can be believed. SQLite takes what it cannot read of it for the end of it, without
 * a word: right after a power cut, wrong where the file was damaged. Format: https://sqlite.org/walformat.html
 */
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

const headerBytes = 32;
const frameHeaderBytes = 24;
const magicLittle = 0x377f0682;
const magicBig = 0x377f0683;
/** Larger files are believed: reading them would take too long at start. */
const mostBytes = 256 * 1_048_576;
const looks = 3;
const lookAgainMs = 50;

export async function fileSize(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0;
}

/** What is wrong, or null. Looks again where it finds something: another process may have been writing. */
export async function damageOfLog(file: string): Promise<string | null> {
  for (let look = 1; ; look++) {
    const size = await fileSize(file);
    if (size === 0 || size > mostBytes) return null;
    const damage = findDamage(await readFile(file));
    if (damage === null || look === looks) return damage;
    await wait(lookAgainMs);
  }
}

function findDamage(log: Buffer): string | null {
  // Without one whole frame nothing was ever committed to it.
  if (log.length < headerBytes + frameHeaderBytes) return null;
  const magic = log.readUInt32BE(0);
  const isBig = magic === magicBig;
  const sums = checksum(log.subarray(0, 24), [0, 0], isBig);
  const isHeader = isBig || magic === magicLittle;
  if (!isHeader || sums[0] !== log.readUInt32BE(24) || sums[1] !== log.readUInt32BE(28)) {
    return 'the latest changes cannot be read: the header of retort.db-wal is damaged';
  }
  return lostCommits(log, sums, isBig) > 1
    ? 'the latest changes cannot be read: retort.db-wal is damaged'
    : null;
}

/**
 * Commits of this log after its first frame that cannot be read. One may be what a power cut tore, and was never acknowledged; the next is
 * begun only when the one before is on disk, so that two are a loss.
 */
function lostCommits(log: Buffer, header: Sums, isBig: boolean): number {
  const frameBytes = frameHeaderBytes + log.readUInt32BE(8);
  let sums = header;
  let isReadable = true;
  let lost = 0;
  for (let at = headerBytes; at + frameBytes <= log.length; at += frameBytes) {
    const frame = log.subarray(at, at + frameBytes);
    // Frames of the log before this one may lie behind it; they carry other salts.
    if (!frame.subarray(8, 16).equals(log.subarray(16, 24))) {
      isReadable = false;
      continue;
    }
    if (isReadable) {
      sums = checksum(frame.subarray(frameHeaderBytes), checksum(frame.subarray(0, 8), sums, isBig), isBig);
      isReadable = sums[0] === frame.readUInt32BE(16) && sums[1] === frame.readUInt32BE(20);
    }
    const isCommit = frame.readUInt32BE(4) !== 0;
    if (!isReadable && isCommit) lost++;
  }
  return lost;
}

type Sums = readonly [number, number];

function checksum(bytes: Buffer, [begin0, begin1]: Sums, isBig: boolean): Sums {
  let sum0 = begin0;
  let sum1 = begin1;
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const left = isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    const right = isBig ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4);
    sum0 = (sum0 + left + sum1) >>> 0;
    sum1 = (sum1 + right + sum0) >>> 0;
  }
  return [sum0, sum1];
}
