/** A Retort that is served, and a page of it without a browser. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { socketPath } from '../../electron/contract/shell.ts';
import { socketPort } from '../../electron/host/serve/socket-port.ts';
import { startServing, type ServeOptions } from '../helpers/e2e/serve.ts';
import { codeOf, greet } from '../helpers/page-transports.ts';

export type PageClient = Client<PageContract>;

export interface Served {
  readonly page: PageClient;
  readonly pid: number;
  /** The bundled model's id. */
  readonly bundled: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function serve(options: ServeOptions & { readonly home: string }): Promise<Served> {
  const serving = await startServing(options);
  const link = await serving.newLink();
  const { host, origin } = new URL(link);
  const socket = new WebSocket(`ws://${host}${socketPath}`, { headers: { origin } });
  // A host that is killed resets the connection.
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const welcome = await greet(socket, { type: 'code', code: codeOf(link) });
  if (welcome.type === 'refused') throw new Error(welcome.reason);
  const { child } = serving;
  const page = connect(socketPort(socket), pageContract);
  const bundled = (await page.listModels({})).find(({ kind }) => kind === 'bundled');
  if (!bundled) throw new Error('The bundled model is not listed.');
  return {
    page,
    pid: child.pid,
    bundled: bundled.id,
    async kill() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      socket.terminate();
    },
    async close() {
      socket.terminate();
      await serving.close();
    },
  };
}

const pollMs = 20;
const readyLimitMs = 120_000;
const likeAlways = { context: null, kvCodec: null, threads: null };

/** Resolves once `model` can answer; loads it where it is not loaded or being loaded. */
export async function untilReady(page: PageClient, model: string): Promise<void> {
  for (const end = performance.now() + readyLimitMs; performance.now() < end; await sleep(pollMs)) {
    const { engine } = await page.start({});
    const isWanted = engine.state !== 'none' && engine.model === model;
    if (isWanted && engine.state === 'ready') return;
    if (!isWanted || engine.state === 'failed')
      await page.loadModel({ id: model, settings: likeAlways, force: true });
  }
  throw new Error(`${model} was not ready within ${readyLimitMs / 1000} s.`);
}
