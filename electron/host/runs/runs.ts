/** What was computed, with everything that is needed to compute it again. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { Run, RunSummary, type Machine, type RunKind } from '../../contract/host-contract.ts';
import { LabError } from '../../contract/errors.ts';
import { newId } from '../new-id.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/store-contract.ts';
import { headlinesOf, titleOf } from './headlines.ts';

export class Runs {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Writes a run; it is on disk when the promise resolves. */
  async record(run: Omit<Run, 'id' | 'at' | 'machine'>): Promise<Run> {
    const full: Run = { id: newId(), at: Date.now(), machine: thisMachine(), ...run };
    await this.#store.run(
      `INSERT INTO runs (id, at, kind, model_name, engine, arithmetic, title, machine, headlines, record)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[full.id, full.at, full.kind, full.modelName, full.engine, full.arithmetic],
      ...[titleOf(full), full.machine.cpu, JSON.stringify(headlinesOf(full)), JSON.stringify(full)],
    );
    return full;
  }

  /** Newest first; null: of every kind. */
  async list(kind: RunKind | null, limit: number): Promise<RunSummary[]> {
    const rows = await this.#store.run(
      `SELECT id, kind, at, model_name, engine, arithmetic, title, machine, headlines, iif(headlines IS NULL, record, NULL) AS record
       FROM runs WHERE ?1 IS NULL OR kind = ?1 ORDER BY at DESC, id DESC LIMIT ?2`,
      ...[kind, limit],
    );
    return rows.map(toSummary);
  }

  /** Throws not-found. */
  async read(id: string): Promise<Run> {
    const [row] = await this.#store.run('SELECT record FROM runs WHERE id = ?', id);
    if (!row) throw new LabError('not-found', `There is no run ${id}.`);
    return Run.parse(JSON.parse(String(row['record'])));
  }

  /** Forgets it. Throws not-found. */
  async remove(id: string): Promise<void> {
    const rows = await this.#store.run('DELETE FROM runs WHERE id = ? RETURNING id', id);
    if (rows.length === 0) throw new LabError('not-found', `There is no run ${id}.`);
  }
}

function toSummary(row: Row): RunSummary {
  const { model_name: modelName, record, headlines, title, machine, ...own } = row;
  // Recorded before lists showed these.
  const older = record === null ? null : Run.parse(JSON.parse(String(record)));
  return RunSummary.parse({
    ...own,
    modelName,
    title: older ? titleOf(older) : title,
    machine: older ? older.machine.cpu : machine,
    headlines: older ? headlinesOf(older) : (JSON.parse(String(headlines)) as unknown),
  });
}

function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    os: `${platform()} ${release()} ${arch()}`,
  };
}
