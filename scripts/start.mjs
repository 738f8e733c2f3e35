// `npm start`: sets up and builds what is missing and opens Retort: in Electron where that is to be had, else in the system's browser.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildApp } from './build.mjs';
import { findElectron } from './electron.mjs';
import { setUp, SetUpError } from './set-up.mjs';
import { endLike, runInForeground, standInForRetort } from './stand-in.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const log = (line) => process.stderr.write(`${line}\n`);
/** An Electron that ends with an error so soon never showed a window. */
const startLimitMs = 5000;

/** Resolves with why no window came, or ends as Electron did. */
async function openInElectron(binary, node) {
  const startedAt = performance.now();
  const end = await runInForeground(binary, [root], {
    // Only an Electron whose own Node is too old for the host uses it.
    env: { ...process.env, RETORT_HOST_NODE: node },
    stdio: ['inherit', 'inherit', 'pipe'],
  });
  const hasFailed = end.code !== 0 && performance.now() - startedAt < startLimitMs;
  if (!hasFailed) endLike(end);
  return `Electron ended at once (${end.signal ?? `code ${end.code}`})`;
}

async function start() {
  if (process.argv.length > 2) {
    throw new SetUpError(
      '`npm start` takes no options; `npx retort serve --help` lists those of browser mode.',
    );
  }
  const node = await setUp({ log });
  await buildApp({ node, log });
  const found = findElectron({ node, log });
  const reason = 'binary' in found ? await openInElectron(found.binary, node) : found.reason;
  log(`Retort opens in the browser, because ${reason}.`);
  const canOpenBrowser = process.stdout.isTTY && process.getuid?.() !== 0;
  await standInForRetort(node, ['serve', ...(canOpenBrowser ? ['--open'] : [])]);
}

try {
  await start();
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  log(error.message);
  process.exitCode = 1;
}
