import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { expect, it, describe } from 'vitest';
import { contentSecurityPolicy } from '../../../electron/contract/page-files.ts';
import type { BrowserGreeting } from '../../../electron/contract/shell.ts';
import type { BrowserServer } from '../../../electron/host/serve/browser-server.ts';
import { eventually } from '../../helpers/eventually.ts';
import {
  codeOf,
  connectSocket,
  greet,
  sendFirst,
  startPageHost,
  startServer,
} from '../../helpers/page-transports.ts';
import { temporaryFolder } from '../../helpers/test-host.ts';

const secret = 'outside the pages';

/** A server of two files, with one beside their folder that nobody may read. */
async function startSite(): Promise<BrowserServer> {
  const folder = mkdtempSync(join(temporaryFolder(), 'site-'));
  const pages = join(folder, 'pages');
  mkdirSync(join(pages, 'assets'), { recursive: true });
  writeFileSync(join(pages, 'index.html'), '<p>page</p>');
  writeFileSync(join(pages, 'assets', 'app.js'), '1');
  writeFileSync(join(pages, '.hidden.html'), secret);
  writeFileSync(join(folder, 'secret.txt'), secret);
  return startServer(await startPageHost(), pages);
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function fetchRaw(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    asked.on('error', reject).end();
  });
}

/** Bytes as they are, for what no HTTP client sends. */
async function sendBytes(port: number, text: string): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (data: string) => (answer += data));
  socket.end(text);
  await once(socket, 'close');
  return answer.split('\r\n', 1)[0] ?? '';
}

const hosts: readonly [string, (port: number) => string, boolean][] = [
  ['127.0.0.1', (port) => `127.0.0.1:${port}`, true],
  ['localhost', (port) => `localhost:${port}`, true],
  ['[::1]', (port) => `[::1]:${port}`, true],
  ['127.0.0.1 without a port', () => '127.0.0.1', false],
  ['another port', (port) => `127.0.0.1:${port + 1}`, false],
  ['evil.com', (port) => `evil.com:${port}`, false],
  ['localhost.evil.com', (port) => `localhost.evil.com:${port}`, false],
  ['127.0.0.1.nip.io', (port) => `127.0.0.1.nip.io:${port}`, false],
  ['LOCALHOST', (port) => `LOCALHOST:${port}`, false],
];
const origins: readonly [string, (host: string) => string | null][] = [
  ['none', () => null],
  ['own', (host) => `http://${host}`],
  ['null', () => 'null'],
  ['evil', () => 'http://evil.com'],
  ['https of the same host', (host) => `https://${host}`],
];
const greetings: readonly [string, (server: BrowserServer) => BrowserGreeting | null, boolean][] = [
  ['a good code', (server) => ({ type: 'code', code: codeOf(server.newLink()) }), true],
  ['a wrong code', () => ({ type: 'code', code: randomBytes(32).toString('base64url') }), false],
  ['a wrong key', () => ({ type: 'key', key: randomBytes(32).toString('base64url') }), false],
];

describe('who is let in', () => {
  const cells = hosts.flatMap((host) =>
    origins.flatMap((origin) => greetings.map((greeting) => ({ host, origin, greeting }))),
  );

  it(`admits only own pages with a good code, of ${cells.length} ways to ask`, async () => {
    const server = await startSite();
    const wrong: string[] = [];
    for (const { host, origin, greeting } of cells) {
      const name = host[1](server.port);
      const outcome = await connectSocket(server.port, { host: name, origin: origin[1](name) }).then(
        async (socket) => (await greet(socket, greeting[1](server) as BrowserGreeting)).type,
        (error: Error) => error.message,
      );
      const isOurs = host[2] && origin[0] === 'own';
      const expected = !isOurs ? /status 40[03]/ : greeting[2] ? /^welcome$/ : /^refused$/;
      if (!expected.test(outcome)) wrong.push(`${host[0]}, origin ${origin[0]}, ${greeting[0]}: ${outcome}`);
    }
    expect(wrong).toEqual([]);
  });

  it('serves pages to its own names and origin alone, with no header that opens them to others', async () => {
    const server = await startSite();
    const wrong: string[] = [];
    for (const [hostName, host, isOurHost] of hosts) {
      for (const [originName, origin] of origins) {
        const name = host(server.port);
        const given = origin(name);
        const answer = await fetchRaw(server.port, '/', {
          host: name,
          ...(given === null ? {} : { origin: given }),
        });
        const isOurs = isOurHost && (originName === 'none' || originName === 'own');
        const cors = Object.keys(answer.headers).filter((header) => header.startsWith('access-control'));
        const isRight = isOurs ? answer.status === 200 : [400, 403].includes(answer.status);
        if (!isRight || cors.length > 0)
          wrong.push(`${hostName}, ${originName}: ${answer.status} ${cors.join()}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('refuses a request with two Host headers, with none or an empty one, and one whose line names another server', async () => {
    const { port } = await startSite();
    const own = `Host: 127.0.0.1:${port}`;
    expect(await sendBytes(port, `GET / HTTP/1.1\r\n${own}\r\nHost: evil.com\r\n\r\n`)).toMatch(/ 40[03] /);
    expect(await sendBytes(port, `GET http://evil.com/ HTTP/1.1\r\n${own}\r\n\r\n`)).toMatch(/ 404 /);
    expect(await sendBytes(port, `GET / HTTP/1.1\r\n\r\n`)).toMatch(/ 400 /);
    expect(await sendBytes(port, `GET / HTTP/1.1\r\nHost: \r\n\r\n`)).toMatch(/ 403 /);
  });

  it('is reached by the loopback addresses alone', async () => {
    const { port } = await startSite();
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const others = addresses.filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others) {
      const socket = connectTcp(port, address);
      await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
    expect((await fetchRaw(port, '/')).status).toBe(200);
  });
});

describe('codes and keys', () => {
  it('a code is good once; its key is good again', async () => {
    const server = await startSite();
    const code = codeOf(server.newLink());
    const first = await greet(await connectSocket(server.port), { type: 'code', code });
    expect(first.type).toBe('welcome');
    const again = await greet(await connectSocket(server.port), { type: 'code', code });
    expect(again).toEqual({
      type: 'refused',
      reason:
        'This link was used before, or it is another Retort’s. Press Enter in the terminal where Retort runs for a new link.',
    });
    const key = first.type === 'welcome' ? first.key : '';
    expect(await greet(await connectSocket(server.port), { type: 'key', key })).toEqual({
      type: 'welcome',
      key,
    });
  });

  it('two pages that show one code at the same time: one is let in', async () => {
    const server = await startSite();
    const code = codeOf(server.newLink());
    const sockets = await Promise.all([connectSocket(server.port), connectSocket(server.port)]);
    const answers = await Promise.all(sockets.map((socket) => greet(socket, { type: 'code', code })));
    expect(answers.map(({ type }) => type).sort()).toEqual(['refused', 'welcome']);
  });

  it('a code does for a key as little as a key for a code', async () => {
    const server = await startSite();
    const code = codeOf(server.newLink());
    expect(await greet(await connectSocket(server.port), { type: 'key', key: code })).toMatchObject({
      type: 'refused',
    });
    const welcome = await greet(await connectSocket(server.port), { type: 'code', code });
    const key = welcome.type === 'welcome' ? welcome.key : '';
    expect(await greet(await connectSocket(server.port), { type: 'code', code: key })).toMatchObject({
      type: 'refused',
    });
  });

  it('codes and keys are long and never the same', async () => {
    const server = await startSite();
    const codes = Array.from({ length: 15 }, () => codeOf(server.newLink()));
    expect(new Set(codes).size).toBe(15);
    expect(codes.every((code) => /^[\w-]{43}$/.test(code))).toBe(true);
  });

  it.each([
    ['no JSON', 'hello'],
    ['a call', JSON.stringify({ type: 'call', id: 1, operation: 'start', input: {} })],
    ['a greeting with more in it', JSON.stringify({ type: 'code', code: 'x', admin: true })],
    ['prototype keys', '{"__proto__": {"type": "key", "key": "x"}}'],
    ['a long text', 'x'.repeat(2000)],
    ['bytes', Buffer.from('{"type":"key","key":"x"}')],
  ])('a first message of %s is refused and ends the connection', async (_what, data) => {
    const server = await startSite();
    const socket = await connectSocket(server.port);
    const closed = once(socket, 'close');
    expect(await sendFirst(socket, data)).toEqual({
      type: 'refused',
      reason: 'The first message is neither a code nor a key.',
    });
    await closed;
  });

  it('what a page sends after it was refused is not heard', async () => {
    const server = await startSite();
    const socket = await connectSocket(server.port);
    const answers: string[] = [];
    socket.on('message', (data: Buffer) => answers.push(data.toString()));
    socket.send('no greeting');
    socket.send(JSON.stringify({ type: 'call', id: 1, operation: 'listModels', input: {} }));
    await once(socket, 'close');
    expect(answers.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(['refused']);
  });

  it('pages hear that Retort ends', async () => {
    const server = await startSite();
    const socket = await connectSocket(server.port);
    await greet(socket, { type: 'code', code: codeOf(server.newLink()) });
    const closed = once(socket, 'close');
    await server.close();
    expect((await closed).map(String)).toEqual(['1001', 'Retort was ended.']);
  });

  it('a message that is no JSON ends one page’s connection, and the host serves others', async () => {
    const server = await startSite();
    const socket = await connectSocket(server.port);
    await greet(socket, { type: 'code', code: codeOf(server.newLink()) });
    const closed = once(socket, 'close');
    socket.send('{"type":');
    expect((await closed)[0]).toBe(1003);
    const other = await connectSocket(server.port);
    expect(await greet(other, { type: 'code', code: codeOf(server.newLink()) })).toMatchObject({
      type: 'welcome',
    });
  });

  it('no path but the one for pages is upgraded', async () => {
    const server = await startSite();
    for (const path of ['/', '/host/', '/other']) {
      await expect(connectSocket(server.port, { path })).rejects.toThrow('status 404');
    }
  });
});

describe('files', () => {
  it('come with the content security policy and their type', async () => {
    const { port } = await startSite();
    const page = await fetchRaw(port, '/');
    expect(page).toMatchObject({ status: 200, body: '<p>page</p>' });
    expect(page.headers).toMatchObject({
      'content-security-policy': contentSecurityPolicy,
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    expect((await fetchRaw(port, '/assets/app.js')).headers['content-type']).toBe(
      'text/javascript; charset=utf-8',
    );
  });

  it('have the policy that was agreed on', () => {
    expect(contentSecurityPolicy).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
  });

  it.each([
    '/../secret.txt', '/assets/../../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '//secret.txt', '/..\\secret.txt',
    '/.hidden.html', '/assets/', '/assets', '/index.html/', '/index.html%00.js', '/C:/windows/win.ini', '/etc/passwd',
    '/index.constructor', '/~/x.js', '/./index.html', '/assets//app.js', '*',
  ])('%j names no file', async (path) => {
    const { port } = await startSite();
    const answer = await fetchRaw(port, path);
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain(secret);
    expect(answer.headers['content-security-policy']).toBe(contentSecurityPolicy);
  }); // prettier-ignore

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is not allowed', async (method) => {
    const { port } = await startSite();
    expect((await fetchRaw(port, '/', {}, method)).status).toBe(405);
  });
});

it('a thousand idle connections leave the server answering', async () => {
  const { port } = await startSite();
  const sockets = Array.from({ length: 1000 }, () =>
    connectTcp(port, '127.0.0.1').on('error', () => undefined),
  );
  try {
    await eventually(() => expect(sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(700));
  } finally {
    for (const socket of sockets.slice(0, 990)) socket.destroy();
  }
  await eventually(async () => expect((await fetchRaw(port, '/')).status).toBe(200));
  for (const socket of sockets) socket.destroy();
});
