/** app://retort/: the built pages, and nothing else of this machine. */
import { protocol } from 'electron';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pageFile, pageHeaders } from '../contract/page-files.ts';
import { appScheme, isAppUrl } from './app-origin.ts';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const nothing: Answer = { status: 404, headers: { ...pageHeaders }, body: Buffer.alloc(0) };

/** To be called before the app is ready. */
export function registerScheme(): void {
  const privileges = { standard: true, secure: true, supportFetchAPI: true, codeCache: true };
  protocol.registerSchemesAsPrivileged([{ scheme: appScheme, privileges }]);
}

/** Serves the files of `folder`. */
export function setUpScheme(folder: string): void {
  // Electron before 25 has no protocol.handle.
  if (typeof protocol.handle !== 'function') {
    protocol.registerBufferProtocol(appScheme, ({ url }, respond) => {
      void answer(folder, url).then(({ status, headers, body }) =>
        respond({ statusCode: status, headers, data: body }),
      );
    });
    return;
  }
  protocol.handle(appScheme, async ({ url }) => {
    const { body, ...rest } = await answer(folder, url);
    return new Response(new Uint8Array(body), rest);
  });
}

async function answer(folder: string, url: string): Promise<Answer> {
  const file = isAppUrl(url) ? pageFile(new URL(url).pathname) : null;
  if (!file) return nothing;
  try {
    return { status: 200, headers: { ...file.headers }, body: await readFile(join(folder, file.name)) };
  } catch {
    return nothing;
  }
}
