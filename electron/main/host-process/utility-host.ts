/** The host as a utility process: its own port goes straight to the page. It can start no processes, so this one starts its engines. */
import { MessageChannelMain, utilityProcess, type UtilityProcess } from 'electron';
import type { FromHostProcess, ToHostProcess } from '../../contract/host-process.ts';
import { createControl } from './control.ts';
import { endLimitMs, type HostEnd, type HostProcess } from './host.ts';

export interface UtilityHostOptions {
  readonly entry: string;
  readonly engineEntry: string;
  readonly arguments: readonly string[];
}

export function startUtilityHost({ entry, engineEntry, arguments: args }: UtilityHostOptions): HostProcess {
  const child = utilityProcess.fork(entry, [...args], { serviceName: 'Retort host' });
  const post = (message: ToHostProcess, ports: Electron.MessagePortMain[] = []) =>
    child.postMessage(message, ports);
  const control = createControl((value) => post({ type: 'control', value }));
  const engines = new UtilityEngines(engineEntry, post);
  let lastPage = 0;
  let failure: string | null = null;

  child.on('message', (value: unknown) => {
    const message = value as FromHostProcess;
    if (message.type === 'control') control.receive(message.value);
    else if (message.type === 'start-engine') engines.start(message);
    else if (message.type === 'end-engine') engines.end(message.engine);
    else if (message.type === 'failed') failure = message.message;
  });
  const ended = new Promise<HostEnd>((resolve) =>
    child.on('exit', (code) => {
      const reason = `exit code ${code}`;
      control.end(reason);
      engines.endAll();
      resolve({ reason, failure });
    }),
  );

  return {
    get pid() {
      return child.pid;
    },
    ended,
    servePage(port) {
      const page = ++lastPage;
      post({ type: 'page', page }, [port]);
      return () => post({ type: 'page-closed', page });
    },
    grant: (path) => control.client.grant({ path }),
    async close() {
      const timer = setTimeout(() => child.kill(), endLimitMs);
      control.client.close(null).catch(() => undefined);
      await ended;
      clearTimeout(timer);
    },
  };
}

type StartEngine = Extract<FromHostProcess, { readonly type: 'start-engine' }>;

/** Engine processes of one host; they end with it. */
class UtilityEngines {
  readonly #entry: string;
  readonly #post: (message: ToHostProcess, ports?: Electron.MessagePortMain[]) => void;
  readonly #running = new Map<number, UtilityProcess>();

  constructor(entry: string, post: (message: ToHostProcess, ports?: Electron.MessagePortMain[]) => void) {
    this.#entry = entry;
    this.#post = post;
  }

  start({ engine, argument, execArgv }: StartEngine): void {
    const child = utilityProcess.fork(this.#entry, [argument], {
      serviceName: 'Retort engine',
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#running.set(engine, child);
    let lastWords = '';
    child.stderr?.on('data', (data: Buffer) => (lastWords = `${lastWords}${data.toString()}`.slice(-1000)));
    const { port1, port2 } = new MessageChannelMain();
    child.postMessage(null, [port1]);
    child.once('spawn', () => this.#post({ type: 'engine-started', engine, pid: child.pid ?? 0 }, [port2]));
    child.once('exit', (code) => {
      this.#running.delete(engine);
      this.#post({ type: 'engine-ended', engine, reason: endReason(code, lastWords) });
    });
  }

  end(engine: number): void {
    this.#running.get(engine)?.kill();
  }

  endAll(): void {
    for (const child of this.#running.values()) child.kill();
  }
}

function endReason(code: number, words: string): string {
  const last = words.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return `The engine process ended with code ${code}${last === '' ? '.' : `: ${last.slice(0, 300)}`}`;
}
