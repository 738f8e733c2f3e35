import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../contract/errors.ts';
import { startBrowserServer, type BrowserServer } from '../../host/serve/browser-server.ts';
import { badArgument } from '../arguments.ts';
import type { Command, Context } from '../command.ts';

const pages = fileURLToPath(new URL('../../../out/app/renderer', import.meta.url));
const mostPort = 65_535;

export const serve: Command = {
  name: 'serve',
  summary: 'Retort in a browser of this machine.',
  usage: ['serve [--port N] [--models-dir DIR …] [--open]   (Enter prints a new link, Ctrl-C ends it)'],
  options: {
    port: { value: 'N', help: 'port of 127.0.0.1 (default: any free one)' },
    'models-dir': {
      value: 'DIR',
      multiple: true,
      help: 'list the models of this folder too; may be repeated',
    },
    open: { help: 'open the link in the system’s browser' },
    help: { help: 'show this help' },
  },
  pageHost: (given) => ({ modelFolders: given.texts('models-dir').map((folder) => resolve(folder)) }),

  async run(given, context) {
    const { pages: host } = context;
    if (!host) throw new LabError('internal', 'Pages have no host.');
    const [stray] = given.positionals;
    if (stray !== undefined) throw badArgument(`${JSON.stringify(stray)} is one argument too many.`);
    const port = given.integer('port') ?? 0;
    if (port > mostPort) throw badArgument(`--port takes a number up to ${mostPort}, not ${port}.`);
    checkPages();
    const server = await startBrowserServer({
      pages,
      port,
      servePage: (page) => host.servePage(page),
    });
    try {
      await untilStopped(server, context, given.has('open'));
    } finally {
      await server.close();
    }
    return 0;
  },
};

function checkPages(): void {
  if (existsSync(join(pages, 'index.html'))) return;
  throw new LabError(
    'not-found',
    'The pages are not built yet: run `npm run build` in Retort’s folder first.',
  );
}

async function untilStopped(
  server: BrowserServer,
  { signal, output }: Context,
  isToOpen: boolean,
): Promise<void> {
  const link = server.newLink();
  output.note('Retort runs in the browser of this machine: open the link. It is good once, in one tab.');
  output.note('Enter prints another link, Ctrl-C ends Retort.');
  output.line(link);
  if (isToOpen) openInBrowser(link, (why) => output.note(why));
  const lines = createInterface({ input: process.stdin });
  lines.on('line', () => output.line(server.newLink()));
  if (!signal.aborted) await once(signal, 'abort');
  lines.close();
}

function openInBrowser(link: string, tell: (why: string) => void): void {
  const [program, ...args] =
    process.platform === 'darwin'
      ? (['open', link] as const)
      : process.platform === 'win32'
        ? (['rundll32', 'url.dll,FileProtocolHandler', link] as const)
        : (['xdg-open', link] as const);
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  child.on('error', (error) =>
    tell(`No browser could be opened (${error.message}): open the link yourself.`),
  );
  child.unref();
}
