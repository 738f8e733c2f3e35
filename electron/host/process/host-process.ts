/**
 * Entry of the host in Electron: a utility process of the shell, or a Node child of it where the shell's own Node is too old. Its
 * arguments are the data folder, the cache folder and the shell's process id.
 */
import { hostProcessContract, type HostProcessContract } from '../../contract/host-process.ts';
import type { Port } from '../../contract/port.ts';
import { serve, type Handlers } from '../../contract/rpc.ts';
import { nodeEngineStarter } from '../engines/engine-starter.ts';
import { openPageHost, type PageHost } from '../host.ts';
import { RelayedPort } from './relayed-port.ts';
import { ShellEngines } from './shell-engines.ts';
import { shellLink } from './shell-link.ts';

const endLimitMs = 5000;

const link = shellLink();
const engines = new ShellEngines(link);

async function openHost(): Promise<PageHost> {
  const [home = '', cache = '', shell = ''] = process.argv.slice(2);
  const shellPid = Number(shell) || process.ppid;
  try {
    const starter = link.isUtilityProcess ? engines : nodeEngineStarter;
    return await openPageHost({ home, cache, starter, shellPid });
  } catch (error) {
    link.post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** Ends the process once everything it started has ended, in any case after a while. */
async function end(): Promise<void> {
  setTimeout(() => process.exit(1), endLimitMs).unref();
  await (await opening).close();
}

const opening = openHost();
const pages = new Map<number, Port>();
let control: (value: unknown) => void = () => undefined;

const handlers: Handlers<HostProcessContract> = {
  grant: async ({ path }) => (await opening).grant(path),
  async close() {
    await end();
    setImmediate(() => process.exit(0));
    return null;
  },
};
serve(
  {
    postMessage: (value) => link.post({ type: 'control', value }),
    onMessage: (listener) => (control = listener),
    onClose: () => undefined,
    close: () => undefined,
  },
  hostProcessContract,
  handlers,
);

link.listen((message, port) => {
  switch (message.type) {
    case 'control':
      return control(message.value);
    case 'page': {
      const page = port ?? new RelayedPort(link, message.page);
      pages.set(message.page, page);
      return void opening.then((host) => host.servePage(page));
    }
    case 'page-message': {
      const page = pages.get(message.page);
      return page instanceof RelayedPort ? page.receive(message.value) : undefined;
    }
    case 'page-closed':
      pages.get(message.page)?.close();
      return void pages.delete(message.page);
    case 'engine-started':
      return engines.started(message.engine, message.pid, port);
    case 'engine-ended':
      return engines.ended(message.engine, message.reason);
  }
});
// Ctrl-C reaches the whole group: the shell decides what happens, and this process ends with it.
process.on('SIGINT', () => undefined);
link.onGone(() => void end().finally(() => process.exit(0)));
