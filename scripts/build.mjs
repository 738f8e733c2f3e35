// Builds the app into out/: the shell and the pages by electron-vite, host and engines by scripts/transpile.mjs; each only where its sources
// changed since.
//   node scripts/build.mjs
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { setUp, SetUpError } from './set-up.mjs';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const stampName = 'built-from';

/** A folder of out/: what it is made of, and the command that writes into `folder` what will lie at `place`. */
const parts = [
  {
    name: 'app',
    inputs: [
      'electron/contract',
      'electron/main',
      'electron/preload',
      'electron/host/folders.ts',
      'renderer',
    ],
    config: ['electron.vite.config.ts', 'package-lock.json'],
    command: (folder) => [
      join('node_modules', 'electron-vite', 'bin', 'electron-vite.js'),
      'build',
      '--logLevel',
      'warn',
      '--outDir',
      folder,
    ],
  },
  {
    name: 'services',
    inputs: [
      'electron/contract',
      'electron/engine',
      'electron/formats',
      'electron/host',
      'electron/lab',
      'models',
    ],
    config: ['scripts/transpile.mjs'],
    command: (folder, place) => [join('scripts', 'transpile.mjs'), folder, place],
  },
];

function sourcesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).sort();
  return names
    .flatMap((name) => sourcesBelow(join(path, name)))
    .filter((file) => /\.(tsx?|css|html|svg)$/.test(file));
}

/** sha256 over names and bytes of everything that goes into a part. */
function fingerprint(root, { inputs, config }) {
  const hash = createHash('sha256');
  const files = inputs
    .filter((input) => existsSync(join(root, input)))
    .flatMap((input) => sourcesBelow(join(root, input)));
  for (const file of [...files, ...config.map((name) => join(root, name))]) {
    const bytes = readFileSync(file);
    hash.update(`${file.slice(root.length)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function isBuilt(place, wanted) {
  const stamp = join(place, stampName);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/** Runs to its end; throws with everything it printed where it fails. */
function run(root, node, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new SetUpError(`${output.trimEnd()}\nBuilding the app failed: see above.`));
    });
  });
}

/** Builds beside what is there and takes its place at once, so that nobody finds half of it. */
async function buildPart(root, node, part, place) {
  mkdirSync(dirname(place), { recursive: true });
  const made = join(root, '.cache', `app-build-${process.pid}`);
  mkdirSync(made, { recursive: true });
  try {
    const wanted = fingerprint(root, part);
    await run(root, node, part.command(made, place));
    writeFileSync(join(made, stampName), wanted);
    const old = `${made}-old`;
    if (existsSync(place)) renameSync(place, old);
    renameSync(made, place);
    rmSync(old, { recursive: true, force: true });
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** Returns the folder of the built app. Throws SetUpError with what the builders say. */
export async function buildApp({
  root = projectRoot,
  node,
  log = (line) => process.stderr.write(`${line}\n`),
}) {
  const out = join(root, 'out');
  const isDone = (part) => isBuilt(join(out, part.name), fingerprint(root, part));
  if (parts.every(isDone)) return out;
  try {
    await withLock(join(root, '.cache', 'app-build.lock'), async () => {
      const missing = parts.filter((part) => !isDone(part));
      if (missing.length > 0) log('Building the app (a few seconds) …');
      for (const part of missing) await buildPart(root, node, part, join(out, part.name));
    });
  } catch (error) {
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error;
    throw new SetUpError(
      `The app is to be built, and you may not write to ${root}: run \`npm run build\` there as its owner.`,
    );
  }
  return out;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await buildApp({ node: await setUp() }));
  } catch (error) {
    console.error(error instanceof SetUpError ? error.message : error);
    process.exitCode = 1;
  }
}
