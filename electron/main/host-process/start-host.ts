import { join } from 'node:path';
import type { AppFolders } from '../data-folder.ts';
import type { StartHost } from './host.ts';
import { startNodeHost } from './node-host.ts';
import { startUtilityHost } from './utility-host.ts';

/** The first version of Node that has what the host needs. */
const neededNode = 24;

/** How the host is started here. `services` is the folder of its built modules. */
export function hostStarter(services: string, { home, cache }: AppFolders): StartHost {
  const entry = join(services, 'electron', 'host', 'process', 'host-process.mjs');
  const engineEntry = join(services, 'electron', 'engine', 'process', 'engine-process.mjs');
  const given = [home, cache, String(process.pid)];
  const own = Number(process.versions.node.split('.')[0]);
  if (own >= neededNode) return () => startUtilityHost({ entry, engineEntry, arguments: given });
  const node = process.env['RETORT_HOST_NODE'];
  if (node) return () => startNodeHost({ node, entry, arguments: given });
  throw new Error(
    `This Electron's Node is ${process.versions.node}, and Retort needs ${neededNode}: name one in RETORT_HOST_NODE.`,
  );
}
