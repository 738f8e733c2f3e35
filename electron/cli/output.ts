/** What a command prints: results on stdout, everything else on stderr. */
import type { WriteStream } from 'node:tty';
import type { Progress } from '../contract/progress.ts';

type Sink = Pick<WriteStream, 'write' | 'isTTY'>;

const sparseMs = 5000;
const updateMs = 100;

export class Output {
  /** One JSON object on stdout instead of text. */
  readonly isJson: boolean;
  readonly #out: Sink;
  readonly #err: Sink;
  readonly #progress: ProgressLine;

  constructor(isJson: boolean, out: Sink = process.stdout, err: Sink = process.stderr) {
    this.isJson = isJson;
    this.#out = out;
    this.#err = err;
    this.#progress = new ProgressLine(err);
  }

  /** Text as it stands; for streams. */
  write(text: string): void {
    this.#progress.clear();
    this.#out.write(text);
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /** For people only: never on stdout. */
  note(text: string): void {
    this.#progress.clear();
    this.#err.write(`${text}\n`);
  }

  progress(progress: Progress): void {
    this.#progress.update(progress);
  }

  /** The progress line is no longer needed. */
  clearProgress(): void {
    this.#progress.clear();
  }
}

/** One line that is written over on a terminal; elsewhere a line now and then. */
class ProgressLine {
  readonly #err: Sink;
  #phase = '';
  #startedAt = 0;
  #startedWith = 0;
  #shownAt = -Infinity;
  #isShown = false;

  constructor(err: Sink) {
    this.#err = err;
  }

  update(progress: Progress): void {
    const now = performance.now();
    const isNewPhase = progress.phase !== this.#phase;
    if (isNewPhase) {
      this.#phase = progress.phase;
      this.#startedAt = now;
      this.#startedWith = progress.done;
    }
    if (!isNewPhase && now - this.#shownAt < (this.#err.isTTY ? updateMs : sparseMs)) return;
    this.#shownAt = now;
    const perSecond = ((progress.done - this.#startedWith) * 1000) / Math.max(1, now - this.#startedAt);
    const text = progressText(progress, perSecond);
    if (this.#err.isTTY) this.#err.write(`\r\x1b[K${text}`);
    else this.#err.write(`${text}\n`);
    this.#isShown = this.#err.isTTY;
  }

  clear(): void {
    if (this.#isShown) this.#err.write('\r\x1b[K');
    this.#isShown = false;
  }
}

/** `build graph  45 %, 24.1 M/s, 3 s left`. */
export function progressText({ phase, done, total }: Progress, perSecond: number): string {
  if (total === 0) return `${phase} …`;
  const share = `${Math.floor((100 * done) / total)} %`;
  if (!(perSecond > 0)) return `${phase}  ${share}`;
  return `${phase}  ${share}, ${short(perSecond)}/s, ${Math.ceil((total - done) / perSecond)} s left`;
}

function short(value: number): string {
  for (const [limit, letter] of [[1e9, ' G'], [1e6, ' M'], [1e3, ' k']] as const) {
    if (value >= limit) return `${(value / limit).toFixed(1)}${letter}`;
  } // prettier-ignore
  return value.toFixed(1);
}

/** `93.8 MiB`. */
export function byteText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Rows with aligned columns, the header first. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}
