/**
 * Browser mode: the pages over HTTP and the host over a WebSocket, on this machine's loopback addresses alone. Who connects must show a
 * code or a key (admission.ts); who was admitted may do what a page may, so no path crosses either way.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { LabError } from '../../contract/errors.ts';
import { pageFile, pageHeaders } from '../../contract/page-files.ts';
import type { Port } from '../../contract/port.ts';
import { codeFragment, socketPath } from '../../contract/shell.ts';
import { Admission } from './admission.ts';
import { greet } from './greeting.ts';
import { isOwnOrigin, namesUs, pathOf } from './requests.ts';
import { socketPort } from './socket-port.ts';

export interface BrowserServerOptions {
  /** Folder of the built pages. */
  readonly pages: string;
  /** 0: any free port. */
  readonly port: number;
  readonly servePage: (port: Port) => void;
}

export interface BrowserServer {
  readonly port: number;
  /** A link that opens Retort in one more tab. */
  newLink(): string;
  close(): Promise<void>;
}

const largestMessageBytes = 32 * 2 ** 20;
const largestHeaderBytes = 16 * 2 ** 10;
const requestLimitMs = 10_000;
const farewellMs = 500;
const mostConnections = 200;

/** Throws bad-request where the port is taken. */
export async function startBrowserServer(options: BrowserServerOptions): Promise<BrowserServer> {
  const site = new Site(options);
  const first = await listen(site.server(), '127.0.0.1', options.port);
  if (!first) throw portIsTaken(options.port);
  const { port } = first.address() as AddressInfo;
  site.port = port;
  // `localhost` may mean this address. Not every machine has it.
  const second = await listen(site.server(), '::1', port);
  return {
    port,
    newLink: () => `http://127.0.0.1:${port}/#${codeFragment}${site.admission.newCode()}`,
    async close() {
      await site.disconnect();
      await Promise.all([closed(first), second ? closed(second) : null]);
    },
  };
}

class Site {
  readonly admission = new Admission();
  port = 0;
  readonly #options: BrowserServerOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: largestMessageBytes });

  constructor(options: BrowserServerOptions) {
    this.#options = options;
  }

  server(): Server {
    const server = createServer({
      maxHeaderSize: largestHeaderBytes,
      headersTimeout: requestLimitMs,
      requestTimeout: requestLimitMs,
      connectionsCheckingInterval: requestLimitMs / 2,
    });
    server.maxConnections = mostConnections;
    server.on('request', (request, response) => void this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    return server;
  }

  /** Tells every page that this is the end; one that does not answer is cut off. */
  async disconnect(): Promise<void> {
    await Promise.all(
      [...this.#sockets.clients].map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.once('close', () => resolve());
            socket.close(goingAway, 'Retort was ended.');
            setTimeout(() => socket.terminate(), farewellMs).unref();
          }),
      ),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number) => void response.writeHead(status, pageHeaders).end();
    if (!this.#isAllowed(request)) return refuse(403);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
    const file = pageFile(pathOf(request));
    if (!file) return refuse(404);
    try {
      const body = await readFile(join(this.#options.pages, file.name));
      response.writeHead(200, { ...file.headers, 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    } catch {
      refuse(404);
    }
  }

  /** Files hold nothing secret, but a foreign page has no business here. */
  #isAllowed(request: IncomingMessage): boolean {
    return namesUs(request, this.port) && (request.headers.origin === undefined || isOwnOrigin(request));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (!namesUs(request, this.port) || !isOwnOrigin(request)) return refuseUpgrade(socket, '403 Forbidden');
    if (pathOf(request) !== socketPath) return refuseUpgrade(socket, '404 Not Found');
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      // What went wrong, such as a message that is too large, ends the connection by itself.
      webSocket.on('error', () => undefined);
      greet(webSocket, this.admission, () => this.#options.servePage(socketPort(webSocket)));
    });
  }
}

/** WebSocket's own code for a server that ends. */
const goingAway = 1001;

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Null where the address is taken or this machine has none. */
function listen(server: Server, address: string, port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isExpected = ['EADDRINUSE', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EACCES'].includes(error.code ?? '');
      if (isExpected) resolve(null);
      else reject(error);
    });
    server.listen({ host: address, port, exclusive: true }, () => resolve(server));
  });
}

function portIsTaken(port: number): LabError {
  return new LabError(
    'bad-request',
    `Port ${port} of 127.0.0.1 is taken or not allowed: choose another with --port, or leave --port out.`,
    { field: 'port' },
  );
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
