// `npm run bench:peers`: what the project needs and, on first use, the peers (about 400 MB); then main.ts with the right Node or, asked for `divergence`
// or `flash`, what has that name.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled, setUp, SetUpError } from '../../scripts/set-up.mjs';

const folder = dirname(fileURLToPath(import.meta.url));

function installPeers() {
  if (isInstalled(folder)) return;
  console.error('Installing the peers (npm ci in tests/bench, about a minute) …');
  const result = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0)
    throw new SetUpError('Installing the peers failed: `npm ci` in tests/bench says why above.');
}

try {
  const node = await setUp();
  installPeers();
  const [first, ...rest] = process.argv.slice(2);
  const others = { divergence: 'divergence.ts', flash: 'flash/main.ts' };
  const [script, words] =
    first !== undefined && Object.hasOwn(others, first)
      ? [others[first], rest]
      : ['main.ts', process.argv.slice(2)];
  const { status } = spawnSync(node, [join(folder, script), ...words], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exitCode = 1;
}
