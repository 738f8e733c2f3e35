// Which Electron opens the app here: the package's own binary, downloaded at the first need.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'node_modules', 'electron');
const tryLimitMs = 20_000;

/** Electron's own variable names a binary that lies elsewhere. */
const dist = () => process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(folder, 'dist');

/** The binary's path; null where it is not there. */
function binaryPath() {
  const nameFile = join(folder, 'path.txt');
  const name = existsSync(nameFile) ? readFileSync(nameFile, 'utf8') : 'electron';
  const file = join(dist(), name);
  return existsSync(file) ? file : null;
}

/** Why no window can be opened here; null where one can. */
function whyNoWindow({ platform, env, userId }) {
  if (platform !== 'linux') return null;
  if (userId === 0) return 'Electron does not run for root with its sandbox on';
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return 'there is no display';
  return null;
}

/** Whether it can be loaded at all; false, with its own words, where a library is missing. */
function probe(binary) {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  const args = ['--print', 'process.versions.electron'];
  const { status, stderr, error } = spawnSync(binary, args, { env, encoding: 'utf8', timeout: tryLimitMs });
  if (status === 0) return null;
  return `Electron does not start: ${error?.message ?? stderr.trim().split('\n')[0]}`;
}

/** Fetches the binary as the package itself does. */
function download(node, log) {
  log(`Downloading Electron (given up after ${tryLimitMs / 1000} s) …`);
  spawnSync(node, [join(folder, 'install.js')], {
    stdio: 'ignore',
    timeout: tryLimitMs,
    killSignal: 'SIGKILL',
  });
}

/** The folder of the unpacked Electron, downloaded where it is not there; null where that fails. */
export function electronFolder({ node, log }) {
  if (binaryPath() === null) download(node, log);
  return binaryPath() === null ? null : dist();
}

/**
 * Resolves the binary that can open a window here, or why there is none.
 * @returns {{ binary: string } | { reason: string }}
 */
export function findElectron({
  node,
  log,
  system = { platform: process.platform, env: process.env, userId: process.getuid?.() },
}) {
  const noWindow = whyNoWindow(system);
  if (noWindow !== null) return { reason: noWindow };
  if (electronFolder({ node, log }) === null) {
    return {
      reason: 'Electron could not be downloaded; `npx install-electron` tries again without a time limit',
    };
  }
  const binary = binaryPath();
  const failure = probe(binary);
  return failure === null ? { binary } : { reason: failure };
}
