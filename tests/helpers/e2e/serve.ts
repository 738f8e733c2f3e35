/** `retort serve` as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './build.ts';

export interface ServeOptions {
  /** Data folder; default: a temporary one, deleted at the end. */
  readonly home?: string;
  readonly modelFolders?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What prints the link; default: `retort serve`. */
  readonly program?: readonly string[];
}

export interface Serving {
  readonly home: string;
  /** The host runs in this process. */
  readonly child: ChildProcess & { readonly pid: number };
  /** A link that is good once. */
  newLink(): Promise<string>;
  /** Everything it wrote to stderr. */
  stderr(): string;
  /** Ends it as Ctrl-C does. Returns the exit code. */
  close(): Promise<number | null>;
}

/** A data folder that no other program's models are found from. */
export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'retort-e2e-'));
  mkdirSync(join(home, 'person'));
  return home;
}

/** The environment of a Retort that keeps everything below `home`. */
export function environmentFor(home: string, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const {
    HF_HOME: _hf,
    HF_HUB_CACHE: _hub,
    OLLAMA_MODELS: _ollama,
    RETORT_CACHE: _cache,
    ...rest
  } = process.env;
  return { ...rest, HOME: join(home, 'person'), RETORT_HOME: home, NODE_NO_WARNINGS: '1', ...extra };
}

export async function startServing(options: ServeOptions = {}): Promise<Serving> {
  const home = options.home ?? temporaryHome();
  const folders = (options.modelFolders ?? []).flatMap((folder) => ['--models-dir', folder]);
  const program = options.program ?? ['electron/cli/main.ts', 'serve'];
  const child = spawn(process.execPath, [...program, ...folders], {
    cwd: root,
    env: environmentFor(home, options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const links = new Lines(ended);
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => links.add(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A host that is killed leaves its input closed.
  child.stdin.on('error', () => undefined);
  const first = await links.next().catch(() => {
    throw new Error(`retort serve ended before it printed its link: ${stderr}`);
  });
  let unused: string | null = first;
  return {
    home,
    child: child as Serving['child'],
    async newLink() {
      if (unused !== null) {
        const link = unused;
        unused = null;
        return link;
      }
      child.stdin.write('\n');
      return links.next();
    },
    stderr: () => stderr,
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      const code = await ended;
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}

/** Lines as they come. */
class Lines {
  #text = '';
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #ended: Promise<unknown>;

  constructor(ended: Promise<unknown>) {
    this.#ended = ended;
  }

  add(text: string): void {
    const parts = (this.#text + text).split('\n');
    this.#text = parts.pop() ?? '';
    for (const line of parts) {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(line);
      else this.#lines.push(line);
    }
  }

  next(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      void this.#ended.then(() => reject(new Error('No more lines.')));
    });
  }
}
