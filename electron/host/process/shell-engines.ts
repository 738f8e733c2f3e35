/** Engines of a host that is a utility process: the shell starts them and hands over a port to each. */
import { engineContract } from '../../contract/engine-contract.ts';
import { LatePort, type Port } from '../../contract/port.ts';
import { connect } from '../../contract/rpc-client.ts';
import {
  engineExecArgv,
  type EngineKind,
  type EngineProcess,
  type EngineStarter,
} from '../engines/engine-starter.ts';
import type { ShellLink } from './shell-link.ts';

interface StartedEngine {
  pid: number;
  readonly port: LatePort;
}

export class ShellEngines implements EngineStarter {
  readonly #link: Pick<ShellLink, 'post'>;
  readonly #engines = new Map<number, StartedEngine>();
  #lastEngine = 0;

  constructor(link: Pick<ShellLink, 'post'>) {
    this.#link = link;
  }

  start(kind: EngineKind): EngineProcess {
    const engine = ++this.#lastEngine;
    const started: StartedEngine = { pid: 0, port: new LatePort() };
    this.#engines.set(engine, started);
    const ended = new Promise<string>((resolve) => started.port.onClose((reason) => resolve(reason ?? '')));
    const endNow = () => this.#link.post({ type: 'end-engine', engine });
    this.#link.post({ type: 'start-engine', engine, argument: kind, execArgv: engineExecArgv(kind) });
    return {
      /** 0 until it has started. */
      get pid() {
        return started.pid;
      },
      client: connect(started.port, engineContract),
      ended,
      kill: endNow,
      async close() {
        endNow();
        await ended;
      },
    };
  }

  /** The shell has started it; without a port it is of no use. */
  started(engine: number, pid: number, port: Port | null): void {
    const started = this.#engines.get(engine);
    if (!started || !port) return port?.close();
    started.pid = pid;
    // Only the shell knows why an engine ended: it says so.
    started.port.open({ ...port, onClose: () => undefined });
  }

  ended(engine: number, reason: string): void {
    this.#engines.get(engine)?.port.end(reason);
    this.#engines.delete(engine);
  }
}
