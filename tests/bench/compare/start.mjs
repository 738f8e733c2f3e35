// `npm run bench:compare`: what the project needs, then main.ts with the right Node. No peers.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp, SetUpError } from '../../../scripts/set-up.mjs';

try {
  const main = join(dirname(fileURLToPath(import.meta.url)), 'main.ts');
  const { status } = spawnSync(await setUp(), [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exitCode = 1;
}
