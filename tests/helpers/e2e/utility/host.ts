/**
 * In a utility process: the host's ends of its channels, with a page contract of its own in place of the services, whose Node this is not.
 * What the page asks, its engines are asked.
 */
import { hostProcessContract, type HostProcessContract } from '../../../../electron/contract/host-process.ts';
import type { Port } from '../../../../electron/contract/port.ts';
import { serve, type Handlers } from '../../../../electron/contract/rpc.ts';
import { ShellEngines } from '../../../../electron/host/process/shell-engines.ts';
import { shellLink } from '../../../../electron/host/process/shell-link.ts';
import { utilityContract, type UtilityContract } from './contract.ts';

const link = shellLink();
const engines = new ShellEngines(link);
const pages = new Map<number, Port>();
let control: (value: unknown) => void = () => undefined;

const pageHandlers: Handlers<UtilityContract> = {
  arguments: () => Promise.resolve(process.argv.slice(2)),
  async decodeTwice() {
    const [text, weights] = [engines.start('text'), engines.start('weights')];
    const ids = [1, 2];
    const decoded = await Promise.all([text.client.decode({ ids }), weights.client.decode({ ids })]);
    return decoded.map((answer) => answer.text);
  },
  async loseEngine() {
    const engine = engines.start('weights');
    const error = await engine.client.forget({}).then(
      () => 'none',
      (thrown: Error) => thrown.message,
    );
    return { error, reason: await engine.ended };
  },
  async closeEngine() {
    const engine = engines.start('weights');
    await engine.client.decode({ ids: [] });
    const { pid } = engine;
    await engine.close();
    return { pid, reason: await engine.ended };
  },
};

const controlHandlers: Handlers<HostProcessContract> = {
  grant: ({ path }) => Promise.resolve(`grant-of-${path}`),
  close() {
    setImmediate(() => process.exit(0));
    return Promise.resolve(null);
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
  controlHandlers,
);

link.listen((message, port) => {
  if (message.type === 'control') control(message.value);
  else if (message.type === 'page' && port) {
    pages.set(message.page, port);
    serve(port, utilityContract, pageHandlers);
  } else if (message.type === 'page-closed') pages.get(message.page)?.close();
  else if (message.type === 'engine-started') engines.started(message.engine, message.pid, port);
  else if (message.type === 'engine-ended') engines.ended(message.engine, message.reason);
});
