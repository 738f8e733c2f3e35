/** Open models: work borrows one, and the last stays open for the next reply of the same model. */
import type { ModelInfo } from '../../contract/open-model.ts';
import type { Compute } from '../../contract/machine.ts';
import type { EngineProcess } from '../engines/engine-starter.ts';
import type { Services } from '../services.ts';
import { openInProcess, type NamedModel, type WorkHooks } from './open-model.ts';

export interface OpenEngine {
  readonly process: EngineProcess;
  readonly info: ModelInfo;
}

interface Idle {
  readonly key: string;
  readonly engine: OpenEngine;
}

export class EnginePool {
  readonly #started = new Set<EngineProcess>();
  #idle: Idle | null = null;

  /** Opens the model or takes the idle engine that has it, and gives it to `work`. An engine whose work threw is not used again. */
  async use<T>(
    model: NamedModel,
    compute: Compute,
    services: Services,
    hooks: WorkHooks,
    work: (engine: OpenEngine) => Promise<T>,
  ): Promise<T> {
    const key = JSON.stringify([model.path, compute]);
    const engine = this.#take(key) ?? (await this.#open(model, compute, services, hooks));
    try {
      const value = await work(engine);
      this.#keep({ key, engine });
      return value;
    } catch (error) {
      engine.process.kill();
      throw error;
    }
  }

  /** Starts a process that ends with the pool at the latest. */
  start(services: Pick<Services, 'starter'>): EngineProcess {
    const process = services.starter.start('weights');
    this.#started.add(process);
    void process.ended.then(() => {
      this.#started.delete(process);
      if (this.#idle?.engine.process === process) this.#idle = null;
    });
    return process;
  }

  /** Of every engine that runs now. */
  get pids(): number[] {
    return [...this.#started].map(({ pid }) => pid);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#started].map((process) => process.close()));
  }

  async #open(
    model: NamedModel,
    compute: Compute,
    services: Services,
    hooks: WorkHooks,
  ): Promise<OpenEngine> {
    const process = this.start(services);
    try {
      return { process, info: await openInProcess(process, model, compute, services, hooks) };
    } catch (error) {
      process.kill();
      throw error;
    }
  }

  #take(key: string): OpenEngine | null {
    const idle = this.#idle;
    if (idle?.key !== key) return null;
    this.#idle = null;
    return idle.engine;
  }

  #keep(idle: Idle): void {
    if (this.#idle) void this.#idle.engine.process.close();
    this.#idle = idle;
  }
}
