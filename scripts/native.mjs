// Builds native/ into build/native (`npm run native`); with --asan or --tsan its tests with sanitizers into build/native-asan or native-tsan.
// Incremental, safe when two run at once, and done within milliseconds where nothing has changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** The folder of each value of RETORT_SANITIZE (native/CMakeLists.txt). */
export const buildFolders = { '': 'build/native', address: 'build/native-asan', thread: 'build/native-tsan' };

/** A cause a person can remove; shown without a stack. */
export class SetUpError extends Error {}

function versionOf(packageFile) {
  return existsSync(packageFile) ? JSON.parse(readFileSync(packageFile, 'utf8')).version : 'absent';
}

/** Everything the addon is made of, as one hash: the files of native/, the versions of the headers and of the project. */
function hashInputs(root) {
  const hash = createHash('sha256');
  const native = join(root, 'native');
  const entries = readdirSync(native, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  for (const file of files.sort())
    hash
      .update(`${file.slice(native.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  const packages = ['node_modules/node-addon-api', 'node_modules/node-api-headers', '.'];
  for (const name of packages) hash.update(`${versionOf(join(root, name, 'package.json'))}\0`);
  return hash.update(`${process.platform} ${process.arch}`).digest('hex');
}

function runs(command, args = ['--version']) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout : undefined;
}

function missingTools() {
  const missing = [];
  const cmake = /version (\d+)\.(\d+)/.exec(runs('cmake') ?? '');
  if (!cmake || Number(cmake[1]) * 1000 + Number(cmake[2]) < 3021) missing.push('cmake');
  if (runs('ninja') === undefined) missing.push('ninja');
  // cl prints its version and fails without a file to compile; where.exe only looks for it.
  const compilers = process.platform === 'win32' ? [] : [process.env.CXX, 'c++', 'g++', 'clang++'];
  const found = compilers.some((compiler) => compiler && runs(compiler) !== undefined);
  const hasCl = process.platform === 'win32' && runs('where.exe', ['cl']) !== undefined;
  if (!found && !hasCl) missing.push('compiler');
  return missing;
}

const toolNames = { cmake: 'CMake 3.21 or newer', ninja: 'Ninja', compiler: 'a C++20 compiler' };

/** How each system installs the tools: [test of /etc/os-release, command before, name of each package]. */
const linuxSystems = [
  [/debian|ubuntu/, 'sudo apt-get install', { cmake: 'cmake', ninja: 'ninja-build', compiler: 'g++' }],
  [/fedora|rhel|centos/, 'sudo dnf install', { cmake: 'cmake', ninja: 'ninja-build', compiler: 'gcc-c++' }],
  [/arch/, 'sudo pacman -S', { cmake: 'cmake', ninja: 'ninja', compiler: 'gcc' }],
  [/suse/, 'sudo zypper install', { cmake: 'cmake', ninja: 'ninja', compiler: 'gcc-c++' }],
  [/alpine/, 'sudo apk add', { cmake: 'cmake', ninja: 'ninja', compiler: 'g++' }],
];

function installHint(missing) {
  if (process.platform === 'darwin') {
    const brewed = missing.filter((tool) => tool !== 'compiler');
    const steps = missing.includes('compiler') ? ['xcode-select --install'] : [];
    if (brewed.length > 0) steps.push(`brew install ${brewed.join(' ')}`);
    return `with \`${steps.join(' && ')}\``;
  }
  if (process.platform === 'win32') {
    const ids = {
      cmake: 'Kitware.CMake',
      ninja: 'Ninja-build.Ninja',
      compiler: 'Microsoft.VisualStudio.2022.BuildTools',
    };
    const commands = missing.map((tool) => `winget install ${ids[tool]}`);
    return `with \`${commands.join(' && ')}\` and run this again in a Developer Command Prompt`;
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const system = linuxSystems.find(([pattern]) => pattern.test(release));
  if (!system) return 'with your package manager';
  return `with \`${system[1]} ${missing.map((tool) => system[2][tool]).join(' ')}\``;
}

/** One sentence: what is missing and how to get it; undefined where everything is there. */
function missingSentence() {
  const missing = missingTools();
  if (missing.length === 0) return undefined;
  const names = missing.map((tool) => toolNames[tool]).join(' and ');
  return `Building the native addon needs ${names}: install ${missing.length > 1 ? 'them' : 'it'} ${installHint(missing)}.`;
}

function step(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd();
  throw new SetUpError(
    `${output}\nThe native addon could not be built: \`${command} ${args.join(' ')}\` failed.`,
  );
}

function configureAndBuild(root, folder, { sanitize, target }) {
  const sentence = missingSentence();
  if (sentence) throw new SetUpError(sentence);
  if (!existsSync(join(root, 'node_modules', 'node-addon-api', 'napi.h'))) {
    throw new SetUpError('The headers of Node-API are not installed: run `npm ci` first.');
  }
  const options = ['-DCMAKE_BUILD_TYPE=Release', `-DRETORT_SANITIZE=${sanitize}`];
  step('cmake', ['-S', join(root, 'native'), '-B', folder, '-G', 'Ninja', ...options]);
  step('cmake', ['--build', folder, ...(target ? ['--target', target] : [])]);
}

/**
 * Brings the addon, and with `tests` the ctest programs, up to date; with `sanitize` ('address' or 'thread') there are only tests.
 * Returns whether anything had to be built.
 * `log` hears one sentence before work that takes a while. Throws SetUpError with what is missing or what the compiler said.
 */
export async function buildNative({ root = projectRoot, sanitize = '', tests = false, log = () => {} } = {}) {
  const folder = join(root, buildFolders[sanitize]);
  const stampFile = join(folder, tests ? 'stamp-tests' : 'stamp');
  const isCurrent = (hash) =>
    (sanitize !== '' || existsSync(join(folder, 'retort.node'))) &&
    existsSync(stampFile) &&
    readFileSync(stampFile, 'utf8') === hash;
  if (isCurrent(hashInputs(root))) return false;
  return withLock(`${folder}.lock`, () => {
    const hash = hashInputs(root);
    if (isCurrent(hash)) return false;
    log(
      existsSync(folder)
        ? 'Rebuilding the native addon …'
        : 'Building the native addon (once, about half a minute) …',
    );
    mkdirSync(folder, { recursive: true });
    configureAndBuild(root, folder, { sanitize, target: tests ? undefined : 'retort_addon' });
    writeFileSync(stampFile, hash);
    return true;
  });
}

function sanitizeOf(options) {
  if (options.includes('--asan')) return 'address';
  return options.includes('--tsan') ? 'thread' : '';
}

async function main() {
  const sanitize = sanitizeOf(process.argv);
  const name = sanitize === '' ? 'build/native/retort.node' : buildFolders[sanitize];
  try {
    const built = await buildNative({ sanitize, tests: sanitize !== '', log: (line) => console.error(line) });
    console.log(built ? `Built ${name}.` : `${name} is up to date.`);
    if (sanitize !== '') console.log(`Run its tests: ctest --test-dir ${name}`);
  } catch (error) {
    console.error(error instanceof SetUpError ? error.message : error);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
