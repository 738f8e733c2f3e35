/**
 * A longer text for measurements: a novel of Jane Austen's (in the public domain: she died in 1817) from Debian's package r-cran-janeaustenr, which
 * apt-get downloads and dpkg-deb unpacks. Kept in the cache folder. `node tests/bench/compare/prepare-text.ts` prints where.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';
import { cacheFolder } from '../places.ts';

const packageName = 'r-cran-janeaustenr';
/** Inside the package: R's lists of lines, one for each novel. */
const data = 'usr/lib/R/site-library/janeaustenr/data/Rdata.rdb';
const fewestCharacters = 200_000;

/** The file with the text; made at the first call. Throws with what to do where the package cannot be had. */
export function longText(): string {
  const file = join(cacheFolder, 'austen.txt');
  if (existsSync(file)) return file;
  mkdirSync(cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'retort-text-'));
  try {
    runIn(folder, 'apt-get', ['download', packageName]);
    const [found = ''] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
    runIn(folder, 'dpkg-deb', ['-x', found, 'unpacked']);
    const novels = novelsOf(readFileSync(join(folder, 'unpacked', data)));
    const longest = novels.reduce((best, novel) => (novel.length > best.length ? novel : best), '');
    if (longest.length < fewestCharacters)
      throw new Error(`${packageName} holds no novel where it is looked for.`);
    writeFileSync(file, longest);
    return file;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runIn(cwd: string, command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? stderr;
  throw new Error(
    `${command} ${args.join(' ')} failed: ${why} It needs Debian or a system like it, and its packages.`,
  );
}

/** R's lazy-load database: values one after the other, each a big-endian length and a zlib stream. */
function novelsOf(database: Buffer): string[] {
  const novels: string[] = [];
  for (let at = 0; at + 6 < database.length; at++) {
    // What a zlib stream begins with; its length stands before it.
    if (database[at + 4] !== 0x78) continue;
    const value = inflated(database.subarray(at + 4), database.readUInt32BE(at));
    if (value) novels.push(paragraphs(stringsOf(value)));
  }
  return novels;
}

function inflated(stream: Buffer, bytes: number): Buffer | null {
  try {
    const value = inflateSync(stream);
    return value.length === bytes ? value : null;
  } catch {
    return null;
  }
}

/** Strings of R's serialization: a header with type 9 in its lowest byte, a big-endian length, the bytes. */
function stringsOf(value: Buffer): string[] {
  const strings: string[] = [];
  for (let at = 0; at + 8 <= value.length; at++) {
    if (value[at + 3] !== 9 || value[at] !== 0 || value[at + 1] !== 4) continue;
    const length = value.readInt32BE(at + 4);
    if (length < 0 || at + 8 + length > value.length) continue;
    strings.push(value.toString('utf8', at + 8, at + 8 + length));
    at += 7 + length;
  }
  return strings;
}

/** Lines of a paragraph are joined; an empty line ends it. */
function paragraphs(lines: readonly string[]): string {
  return lines
    .join('\n')
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll('\n', ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(longText());
