/** What helps to understand a problem, as text that a person may hand on: no prompts, no names of models or files, no paths but Retort's own. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, release } from 'node:os';
import { join, sep } from 'node:path';
import { z } from 'zod';
import { kernelsName } from '../../contract/cache-layout.ts';
import type { LoadState } from '../../contract/machine.ts';
import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Settings } from '../../contract/settings.ts';
import { systemMemory } from '../memory/system-memory.ts';
import type { Services } from '../services.ts';
import { retortVersion } from '../version.ts';
import { ErrorLog, type LoggedError } from './error-log.ts';

/** Retort's own folders, and the person's home, which stands as ~. */
export interface OwnFolders {
  readonly home: string;
  readonly cache: string;
  readonly userHome: string;
}

type Shared = Pick<Services, 'settings' | 'chats' | 'events'> & {
  readonly loaded: { readonly state: LoadState };
};
type DataFolder = Awaited<ReturnType<Handlers<PageContract>['dataFolder']>>;

const mebibyte = 1_048_576;

export class Diagnostics {
  readonly errors = new ErrorLog();
  readonly #folders: OwnFolders;
  readonly #services: Shared;

  constructor(folders: OwnFolders, services: Shared) {
    this.#folders = folders;
    this.#services = services;
    services.events.listen((event) => this.errors.addEvent(event));
  }

  async text(): Promise<string> {
    const [settings, kernels] = await Promise.all([this.#services.settings.read(), this.#kernels()]);
    const lines = [
      `Retort ${retortVersion()}`,
      ...programLines(),
      ...machineLines(),
      `Kernel set chosen for this machine: ${kernels ?? 'none yet'}`,
      `Engine: ${engineLine(this.#services.loaded.state)}`,
      `Settings: ${settingsLine(settings)}`,
      `Data folder: ${this.#shorten(this.#folders.home)}`,
      `Cache folder: ${this.#shorten(this.#folders.cache)}`,
      ...errorLines(this.errors.list()),
    ];
    return `${lines.join('\n')}\n`;
  }

  /** Without the cache, which is listed by itself. */
  async dataFolder(): Promise<DataFolder> {
    const { home, cache } = this.#folders;
    const [bytes, chats, backups] = await Promise.all([
      folderBytes(home, cache),
      this.#services.chats.list(),
      readdir(join(home, 'backups')).catch(() => []),
    ]);
    const label = this.#shorten(home);
    return {
      label,
      bytes,
      chats: chats.length,
      backups: backups.filter((name) => name.endsWith('.db')).length,
    };
  }

  #shorten(path: string): string {
    const { userHome } = this.#folders;
    if (path === userHome) return '~';
    return path.startsWith(userHome + sep) ? `~${path.slice(userHome.length)}` : path;
  }

  /** The engine's choice, kept in the cache; only names are taken from it. */
  async #kernels(): Promise<string | null> {
    try {
      const file = join(this.#folders.cache, kernelsName);
      if ((await stat(file)).size > mebibyte) return null;
      return KernelChoice.parse(JSON.parse(await readFile(file, 'utf8'))).kernels;
    } catch {
      return null;
    }
  }
}

const KernelChoice = z.object({ kernels: z.string().regex(/^[a-z0-9-]{1,32}$/) });

function programLines(): string[] {
  const { node, v8, sqlite, electron, chrome } = process.versions;
  const shell =
    electron === undefined ? 'none (browser or terminal)' : `Electron ${electron}, Chromium ${chrome}`;
  return [`Node ${node}, V8 ${v8}, SQLite ${sqlite}`, `Shell: ${shell}`];
}

function machineLines(): string[] {
  const { totalBytes, freeBytes } = systemMemory();
  return [
    `System: ${platform()} ${release()} ${arch()}`,
    `Processor: ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`,
    `Memory: ${mebibytes(totalBytes)}, ${mebibytes(freeBytes)} free`,
  ];
}

function engineLine(state: LoadState): string {
  switch (state.state) {
    case 'none':
      return 'no model is loaded';
    case 'loading':
      return `loading (${state.phase})`;
    case 'failed':
      return `failed with ${state.error.code}`;
    case 'ready': {
      const { info, precision, context, kvCodec } = state;
      const { engine, arithmetic, device, threads, weightsBytes, versions } = info;
      const used = `${engine}, ${arithmetic}, ${device}, ${threads} threads, kernels ${versions['kernels'] ?? 'its own'}`;
      return `ready (${used}; ${precision}; weights ${mebibytes(weightsBytes)}; context ${context}, KV ${kvCodec})`;
    }
  }
}

function settingsLine({ threads, defaultContext, kvCodec, maxTokens }: Settings): string {
  const chosen = { threads, context: defaultContext, KV: kvCodec, 'longest reply': maxTokens };
  return Object.entries(chosen)
    .map(([name, value]) => `${name} ${value ?? 'as usual'}`)
    .join(', ');
}

function errorLines(errors: readonly LoggedError[]): string[] {
  if (errors.length === 0) return ['Errors: none since the start'];
  const lines = errors.map(({ at, operation, code, places }) =>
    [`  ${new Date(at).toISOString()} ${operation}: ${code}`, ...places].join('\n    at '),
  );
  return ['Latest errors:', ...lines];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte).toLocaleString('en')} MiB`;
}

/** Of the files in a folder and below, links not followed, `except` and what is in it left out. */
async function folderBytes(folder: string, except: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(except + sep));
  // A file may go while the folder is measured.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
