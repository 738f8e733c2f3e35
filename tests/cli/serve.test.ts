/** `retort serve` as a person runs it, with a page that talks to it. */
import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { socketPort } from '../../electron/host/serve/socket-port.ts';
import { cli } from '../helpers/cli.ts';
import { buildApp, startLimitMs } from '../helpers/e2e/build.ts';
import { startServing, temporaryHome, type ServeOptions, type Serving } from '../helpers/e2e/serve.ts';
import { codeOf, connectSocket, greet } from '../helpers/page-transports.ts';
import { goldenFolder } from '../helpers/golden.ts';

beforeAll(buildApp, startLimitMs);

async function serve(options: ServeOptions = {}): Promise<Serving> {
  const serving = await startServing(options);
  onTestFinished(async () => void (await serving.close()));
  return serving;
}

function home(): string {
  const folder = temporaryHome();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function openPage(link: string): Promise<Client<PageContract>> {
  const socket = await connectSocket(Number(new URL(link).port));
  expect(await greet(socket, { type: 'code', code: codeOf(link) })).toMatchObject({ type: 'welcome' });
  return connect(socketPort(socket), pageContract);
}

it('prints a link and nothing else to stdout, and another for each Enter, each good once', async () => {
  const serving = await serve();
  const links = [await serving.newLink(), await serving.newLink(), await serving.newLink()];
  expect(new Set(links).size).toBe(3);
  for (const link of links) {
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]{43}$/);
    expect(await (await openPage(link)).listModelFolders({})).toEqual([]);
  }
  expect(serving.stderr()).toBe(
    'Retort runs in the browser of this machine: open the link. It is good once, in one tab.\n' +
      'Enter prints another link, Ctrl-C ends Retort.\n',
  );
});

it.each(['SIGINT', 'SIGTERM'] as const)('ends with code 0 at %s, with a page open', async (signal) => {
  const serving = await serve();
  const page = await openPage(await serving.newLink());
  const ended = once(serving.child, 'exit');
  serving.child.kill(signal);
  expect(await ended).toEqual([0, null]);
  await expect(page.listModelFolders({})).rejects.toMatchObject({ code: 'engine-gone' });
});

it('a second one on the same data folder is refused and names the first', async () => {
  const folder = home();
  const first = await serve({ home: folder });
  const second = await cli(['serve'], { home: folder });
  expect(second.code).toBe(2);
  expect(second.stdout).toBe('');
  expect(second.stderr).toBe(
    `retort: Another Retort (process ${first.child.pid}) has the chats of this data folder open. Use its window, or end it and try again.\n`,
  );
});

it('is started again at once after it was killed', async () => {
  const folder = home();
  const first = await startServing({ home: folder });
  first.child.kill('SIGKILL');
  await first.close();
  const second = await serve({ home: folder });
  expect(await (await openPage(await second.newLink())).listModelFolders({})).toEqual([]);
});

it('a port that is taken is refused by its number', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const { code, stderr } = await cli(['serve', '--port', String(port)], { home: home() });
  expect(code).toBe(2);
  expect(stderr).toBe(
    `retort: Port ${port} of 127.0.0.1 is taken or not allowed: choose another with --port, or leave --port out.\n`,
  );
});

it.each([
  [['--port', '70000'], '--port takes a number up to 65535, not 70000.'],
  [['--port', 'x'], '--port takes a number, not "x".'],
  [['there'], '"there" is one argument too many.'],
  [['--host', '0.0.0.0'], 'There is no option --host here.'],
])('refuses %j', async (args, message) => {
  const { code, stderr } = await cli(['serve', ...args], { home: home() });
  expect(code).toBe(2);
  expect(stderr).toBe(`retort: ${message}\n`);
});

it('lists the models of --models-dir by ids, and no path crosses', async () => {
  const folder = home();
  const models = join(folder, 'my models');
  mkdirSync(models);
  cpSync(join(goldenFolder, 'tiny', 'llama'), join(models, 'llama'), { recursive: true });
  const serving = await serve({ home: folder, modelFolders: [models] });
  const page = await openPage(await serving.newLink());
  const listed = await page.listModels({});
  const ours = listed.filter(({ kind }) => kind === 'folder');
  expect(ours.map(({ title, place }) => [title, place])).toEqual([
    ['llama', 'my models'],
    ['llama, model-f32', 'my models'],
    ['llama, model-q8_0', 'my models'],
  ]);
  expect(ours[0]?.id).toMatch(/^[a-z0-9-]{1,64}$/);
  expect(JSON.stringify(listed)).not.toContain(folder);
  expect((await page.inspectModel({ id: ours[0]?.id ?? '' })).architecture).toBe('llama');
});
