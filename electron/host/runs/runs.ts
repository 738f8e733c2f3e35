/** What was computed, with everything that is needed to compute it again. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { Run, type Machine, type RunSummary } from '../../contract/host-contract.ts';
import { LabError } from '../../contract/errors.ts';
import { newId } from '../new-id.ts';
import type { Store } from '../store/store.ts';

export class Runs {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Writes a run; it is on disk when the promise resolves. */
  async record(run: Omit<Run, 'id' | 'at' | 'machine'>): Promise<Run> {
    const full: Run = { id: newId(), at: Date.now(), machine: thisMachine(), ...run };
    await this.#store.run(
      'INSERT INTO runs (id, at, kind, model_name, engine, arithmetic, record) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[full.id, full.at, full.kind, full.modelName, full.engine, full.arithmetic, JSON.stringify(full)],
    );
    return full;
  }

  async list(limit: number): Promise<RunSummary[]> {
    const rows = await this.#store.run(
      'SELECT id, kind, at, model_name AS modelName, engine, arithmetic FROM runs ORDER BY at DESC, id DESC LIMIT ?',
      limit,
    );
    return rows as unknown as RunSummary[];
  }

  /** Throws not-found. */
  async read(id: string): Promise<Run> {
    const [row] = await this.#store.run('SELECT record FROM runs WHERE id = ?', id);
    if (!row) throw new LabError('not-found', `There is no run ${id}.`);
    return Run.parse(JSON.parse(String(row['record'])));
  }
}

function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    os: `${platform()} ${release()} ${arch()}`,
  };
}
