/** Readings of memory: the engine's, the app's own and the system's. */
import type { MemoryReading } from '../../contract/machine.ts';
import { ProportionalSizes } from './proportional-sizes.ts';
import { residentBytes } from './resident-bytes.ts';
import { systemMemory, type SystemMemory } from './system-memory.ts';

/** The model that chats use, as far as memory goes. */
export interface LoadedMemory {
  /** Of its engine process; null, or 0 while it starts: there is none. */
  readonly pid: number | null;
  /** Of engine processes before it that have not ended yet. */
  readonly leavingPids: readonly number[];
  readonly weightsBytes: number;
  /** What its process held before it; null: not known. */
  readonly baselineBytes: number | null;
  /** Null: it is not streamed. */
  readonly memoryBudgetBytes: number | null;
  readonly kvBytes: number;
}

/** What a model may take. */
export interface ModelBudget {
  /** Available less the reserve, with what the loaded model would give back, and those before it that have not quite gone. */
  readonly freeBytes: number;
  readonly reserveBytes: number;
  readonly memoryBytes: number;
}

interface Sources {
  readonly loaded: LoadedMemory;
  /** Processes of host, shell and pages. */
  readonly appPids: () => readonly number[];
  readonly system?: () => SystemMemory;
}

const gibibyte = 1024 ** 3;
/** Pages that watch at the same moment share a reading. */
const sharedForMs = 100;

/** 1 GiB, or a quarter where all memory is less than 4 GiB, or a tenth of it where that is more. */
function reserveOf({ totalBytes }: Pick<SystemMemory, 'totalBytes'>): number {
  return Math.max(Math.min(gibibyte, totalBytes / 4), totalBytes / 10);
}

export class MemoryReader {
  readonly #loaded: LoadedMemory;
  readonly #appPids: () => readonly number[];
  readonly #system: () => SystemMemory;
  readonly #proportional = new ProportionalSizes();
  #latest: { readonly at: number; readonly reading: Promise<MemoryReading> } | null = null;

  constructor({ loaded, appPids, system = systemMemory }: Sources) {
    this.#loaded = loaded;
    this.#appPids = appPids;
    this.#system = () => system();
  }

  read(): Promise<MemoryReading> {
    const now = performance.now();
    if (!this.#latest || now - this.#latest.at > sharedForMs)
      this.#latest = { at: now, reading: this.#read() };
    return this.#latest.reading;
  }

  async freeForModels(): Promise<ModelBudget> {
    const { totalBytes, freeBytes } = this.#system();
    const reserveBytes = reserveOf({ totalBytes });
    const { leavingPids } = this.#loaded;
    const held = await Promise.all([this.#engineResidentBytes(), ...leavingPids.map(residentBytes)]);
    const returned = held.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    const free = Math.min(totalBytes, freeBytes + returned) - reserveBytes;
    return { freeBytes: Math.max(0, free), reserveBytes, memoryBytes: totalBytes };
  }

  /** For models beside the loaded one, which keeps what it has. */
  freeBeside(): ModelBudget {
    const { totalBytes, freeBytes } = this.#system();
    const reserveBytes = reserveOf({ totalBytes });
    return { freeBytes: Math.max(0, freeBytes - reserveBytes), reserveBytes, memoryBytes: totalBytes };
  }

  async #read(): Promise<MemoryReading> {
    const { pid, weightsBytes, kvBytes, baselineBytes, memoryBudgetBytes } = this.#loaded;
    const apps = this.#appPids();
    const engines = pid ? [pid] : [];
    this.#proportional.keep([...apps, ...engines]);
    const [engineRssBytes, enginePssBytes, appSizes, appPssBytes] = await Promise.all([
      this.#engineResidentBytes(),
      pid ? this.#proportional.sum(engines) : null,
      Promise.all(apps.map(residentBytes)),
      this.#proportional.sum(apps),
    ]);
    const system = this.#system();
    return {
      at: Date.now(),
      weightsBytes,
      kvBytes,
      scratchBytes: Math.max(0, (engineRssBytes ?? 0) - weightsBytes - kvBytes),
      baselineBytes,
      memoryBudgetBytes,
      engineRssBytes,
      enginePssBytes,
      appRssBytes: appSizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) || process.memoryUsage.rss(),
      appPssBytes,
      systemFreeBytes: system.freeBytes,
      systemBytes: system.totalBytes,
      reserveBytes: reserveOf(system),
    };
  }

  #engineResidentBytes(): Promise<number | null> {
    const { pid } = this.#loaded;
    return pid ? residentBytes(pid) : Promise.resolve(null);
  }
}
