/** A host that serves pages over both transports, and pages that send it whatever a test wants. They end with the running test. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Port } from '../../electron/contract/port.ts';
import { socketPath, type BrowserGreeting, type BrowserWelcome } from '../../electron/contract/shell.ts';
import { nodeEngineStarter } from '../../electron/host/engines/engine-starter.ts';
import { openPageHost, type PageHost } from '../../electron/host/host.ts';
import { startBrowserServer, type BrowserServer } from '../../electron/host/serve/browser-server.ts';
import { socketPort } from '../../electron/host/serve/socket-port.ts';
import { workerPort } from '../../electron/host/store/worker-port.ts';
import { temporaryFolder } from './test-host.ts';

export async function startPageHost(): Promise<PageHost> {
  const home = temporaryFolder();
  const host = await openPageHost({
    home,
    cache: join(home, 'cache'),
    starter: nodeEngineStarter,
    otherModels: [],
  });
  onTestFinished(() => host.close());
  return host;
}

/** A page over a MessageChannel, as in Electron. */
export function openPort(host: PageHost): Promise<Port> {
  const { port1, port2 } = new MessageChannel();
  host.servePage(workerPort(port2));
  onTestFinished(() => port1.close());
  return Promise.resolve(workerPort(port1));
}

export async function startServer(
  host: PageHost,
  pages = mkdtempSync(join(temporaryFolder(), 'pages-')),
): Promise<BrowserServer> {
  const server = await startBrowserServer({ pages, port: 0, servePage: (port) => host.servePage(port) });
  onTestFinished(() => server.close());
  return server;
}

/** A page over a WebSocket, admitted by a new link's code. */
export async function openWebSocket(host: PageHost): Promise<Port> {
  const server = await startServer(host);
  const socket = await connectSocket(server.port);
  const welcome = await greet(socket, { type: 'code', code: codeOf(server.newLink()) });
  if (welcome.type === 'refused') throw new Error(welcome.reason);
  return socketPort(socket);
}

export function codeOf(link: string): string {
  return link.slice(link.indexOf('#code=') + '#code='.length);
}

export interface SocketOptions {
  /** null: none. Default: our own pages'. */
  readonly origin?: string | null;
  readonly host?: string;
  readonly path?: string;
}

/** Rejects with the status where the server does not upgrade. */
export function connectSocket(port: number, options: SocketOptions = {}): Promise<WebSocket> {
  const { host = `127.0.0.1:${port}`, origin = `http://${host}`, path = socketPath } = options;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
    headers: { host, ...(origin === null ? {} : { origin }) },
  });
  onTestFinished(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) =>
      reject(new Error(`status ${response.statusCode}`)),
    );
  });
}

export function greet(socket: WebSocket, greeting: BrowserGreeting): Promise<BrowserWelcome> {
  return sendFirst(socket, JSON.stringify(greeting));
}

/** The answer to whatever is sent first. */
export function sendFirst(socket: WebSocket, data: string | Buffer): Promise<BrowserWelcome> {
  return new Promise((resolve, reject) => {
    socket.once('message', (answer: Buffer) => resolve(JSON.parse(answer.toString()) as BrowserWelcome));
    socket.once('close', () => reject(new Error('The connection ended without an answer.')));
    socket.send(data);
  });
}

/** Sends messages as they are and gives their answers by id. */
export class RawPage {
  readonly #port: Port;
  readonly #waiting = new Map<unknown, (reply: Reply) => void>();
  #lastId = 0;
  closed = false;

  constructor(port: Port) {
    this.#port = port;
    port.onMessage((value) => {
      const reply = value as Reply;
      this.#waiting.get(reply.id)?.(reply);
    });
    port.onClose(() => (this.closed = true));
  }

  send(message: unknown): void {
    this.#port.postMessage(message);
  }

  call(operation: unknown, input: unknown): Promise<Reply> {
    const id = ++this.#lastId;
    return this.answered({ type: 'call', id, operation, input }, id);
  }

  answered(message: unknown, id: unknown): Promise<Reply> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.send(message);
    });
  }
}

export interface Reply {
  readonly type: string;
  readonly id: number;
  readonly ok?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}
