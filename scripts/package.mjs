// `npm run package`: the app as people get it, in release/: a folder that runs, and on Linux a .deb of it where dpkg-deb is installed.
//   node scripts/package.mjs [--electron-dist FOLDER] [--output FOLDER]
// FOLDER is an unpacked Electron; without it the one of the `electron` package is taken, downloaded at the first need.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildApp } from './build.mjs';
import { electronFolder } from './electron.mjs';
import { finish } from './package/finish.mjs';
import { builderConfig } from './package/contents.mjs';
import { buildDeb, canBuildDeb } from './package/deb.mjs';
import { setUp, SetUpError } from './set-up.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const log = (line) => process.stderr.write(`${line}\n`);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { 'electron-dist': { type: 'string' }, output: { type: 'string', default: 'release' } },
    });
    return { electronDist: values['electron-dist'], output: resolve(root, values.output) };
  } catch (error) {
    throw new SetUpError(
      `${error.message.split('\n')[0]} \`npm run package -- --electron-dist FOLDER --output FOLDER\` are its options.`,
    );
  }
}

/** The folder of the Electron to pack, and its version. */
function findDist(given, node) {
  const folder = given === undefined ? electronFolder({ node, log }) : resolve(given);
  if (folder === null)
    throw new SetUpError(
      'A package needs Electron’s own program, which could not be downloaded: `npx install-electron` tries again without a time limit, and `npm run package -- --electron-dist FOLDER` takes one that lies elsewhere.',
    );
  const versionFile = join(folder, 'version');
  if (!existsSync(versionFile))
    throw new SetUpError(`There is no unpacked Electron in ${folder}: it has no file \`version\`.`);
  return {
    electronDist: folder,
    electronVersion: readFileSync(versionFile, 'utf8').trim().replace(/^v/, ''),
  };
}

/** Returns the folder that holds the packaged app. */
async function packFolder(options) {
  // It is slow to load, and only needed from here on.
  const { build } = await import('electron-builder');
  let folder;
  const afterPack = async (context) => {
    folder = context.appOutDir;
    await finish(context);
  };
  await build({
    projectDir: root,
    config: { ...builderConfig({ root, ...options }), afterPack },
    publish: 'never',
  });
  // What it notes about its own work.
  for (const name of readdirSync(options.output).filter((file) => file.startsWith('builder-')))
    rmSync(join(options.output, name));
  return folder;
}

async function main() {
  const { electronDist, output } = readOptions();
  const node = await setUp({ log });
  await buildApp({ node, log });
  const dist = findDist(electronDist, node);
  const folder = await packFolder({ ...dist, output });
  console.log(folder);
  if (process.platform !== 'linux') return;
  if (canBuildDeb()) console.log(buildDeb({ root, folder, output }));
  else log('No .deb is made, because dpkg-deb is not installed.');
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  log(error.message);
  process.exitCode = 1;
}
