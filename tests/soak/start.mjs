// `npm run test:soak`: what the project needs, then main.ts with the right Node.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildApp } from '../../scripts/build.mjs';
import { setUp, SetUpError } from '../../scripts/set-up.mjs';

try {
  const node = await setUp();
  await buildApp({ node });
  const script = join(dirname(fileURLToPath(import.meta.url)), 'main.ts');
  // A terminal's Ctrl-C reaches main.ts too, which ends after what it is at.
  process.on('SIGINT', () => undefined);
  const { status } = spawnSync(node, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exitCode = 1;
}
