// The packaged app as a .deb for Debian and what comes of it, by dpkg-deb alone.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SetUpError } from '../set-up.mjs';

const architectures = { x64: 'amd64', arm64: 'arm64' };
const maintainer = 'The Retort authors <retort@retort.invalid>';
/** What Electron needs of the system; their packages bring the rest. */
const libraries = ['libasound2', 'libcups2', 'libgbm1', 'libgtk-3-0', 'libnss3', 'libstdc++6', 'xdg-utils'];

export const canBuildDeb = () => spawnSync('dpkg-deb', ['--version']).status === 0;

const desktopEntry = `[Desktop Entry]
Type=Application
Name=Retort
GenericName=Language model lab
Comment=Chat with local language models and see what they cost
Exec=retort
Icon=retort
Terminal=false
Categories=Science;Education;
Keywords=language;model;chat;quantization;
StartupWMClass=retort
`;

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Retort

Files: *
Copyright: 2026 The Retort authors
License: Apache-2.0
 On Debian systems the text of the Apache License, Version 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
Comment:
 What Retort contains of others, each under its own licence:
 /usr/lib/retort/resources/THIRD-PARTY-NOTICES.md,
 /usr/lib/retort/LICENSE.electron.txt, /usr/lib/retort/LICENSES.chromium.html.
`;

/** The newest symbols that the addon asks of the C library. */
function neededLibc(folder) {
  const addon = join(folder, 'resources', 'app.asar.unpacked', 'build', 'native', 'retort.node');
  const versions = [...readFileSync(addon, 'latin1').matchAll(/GLIBC_2\.(\d+)/g)];
  return `libc6 (>= 2.${Math.max(...versions.map(([, minor]) => Number(minor)))})`;
}

function kibibytesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce(
    (sum, { parentPath, name }) => sum + Math.ceil(statSync(join(parentPath, name)).size / 1024),
    0,
  );
}

const control = ({ version, architecture, depends, kibibytes }) => `Package: retort
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: ${depends}
Section: science
Priority: optional
Description: lab for local language models
 Retort chats with language models on this machine, shows what each
 quantization costs in quality, memory and time, and opens the KV cache.
 It brings a small model along and sends nothing anywhere.
`;

const changelog = (version, date) => `retort (${version}) unstable; urgency=medium

  * Version ${version}.

 -- ${maintainer}  ${date.toUTCString().replace('GMT', '+0000')}
`;

function write(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function fill(tree, { root, folder, version, architecture }) {
  const app = join(tree, 'usr', 'lib', 'retort');
  mkdirSync(dirname(app), { recursive: true });
  cpSync(folder, app, { recursive: true });
  mkdirSync(join(tree, 'usr', 'bin'), { recursive: true });
  symlinkSync('../lib/retort/retort', join(tree, 'usr', 'bin', 'retort'));
  const share = join(tree, 'usr', 'share');
  write(join(share, 'applications', 'retort.desktop'), desktopEntry);
  const icon = readFileSync(join(root, 'renderer', 'app', 'icon.svg'));
  write(join(share, 'icons', 'hicolor', 'scalable', 'apps', 'retort.svg'), icon);
  write(join(share, 'doc', 'retort', 'copyright'), copyright);
  const date = statSync(join(folder, 'resources', 'app.asar')).mtime;
  write(
    join(share, 'doc', 'retort', 'changelog.gz'),
    gzipSync(Buffer.from(changelog(version, date)), { level: 9 }),
  );
  const depends = [neededLibc(folder), ...libraries].join(', ');
  const facts = { version, architecture, depends, kibibytes: kibibytesBelow(tree) };
  write(join(tree, 'DEBIAN', 'control'), control(facts));
}

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new SetUpError(
      `${error?.message ?? stderr.trimEnd()}\nThe .deb could not be made: \`${command}\` failed.`,
    );
}

/** Returns the .deb's path. */
export function buildDeb({ root, folder, output }) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const architecture = architectures[process.arch];
  const tree = join(output, 'deb');
  const file = join(output, `retort_${version}_${architecture}.deb`);
  rmSync(tree, { recursive: true, force: true });
  try {
    fill(tree, { root, folder, version, architecture });
    run('chmod', ['--recursive', 'u=rwX,go=rX', tree]);
    run('find', [tree, '-name', '*.so*', '-type', 'f', '-exec', 'chmod', 'a-x', '{}', '+']);
    // Chromium's own sandbox where the system gives people no namespaces.
    const sandbox = join(tree, 'usr', 'lib', 'retort', 'chrome-sandbox');
    if (existsSync(sandbox)) chmodSync(sandbox, 0o4755);
    // Most of it is the model, which no compression makes smaller.
    run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, file]);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  return file;
}
