/** Retort in browser mode whose engines are replays: prints its link as `retort serve` does. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeStarter } from '../../../electron/host/engines/engine-starter.ts';
import { folders } from '../../../electron/host/folders.ts';
import { openPageHost } from '../../../electron/host/host.ts';
import { startBrowserServer } from '../../../electron/host/serve/browser-server.ts';

const starter = nodeStarter(fileURLToPath(new URL('./replay-process.ts', import.meta.url)));
const pages = fileURLToPath(new URL('../../../out/app/renderer', import.meta.url));
const host = await openPageHost({ ...folders(), starter, otherModels: [] });
const server = await startBrowserServer({ pages, port: 0, servePage: (port) => host.servePage(port) });
console.log(server.newLink());
await once(process, 'SIGINT');
await server.close();
await host.close();
