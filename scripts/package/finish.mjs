// The last step on a packaged folder, electron-builder's afterPack: what the shipped program may not do is set in its binary.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { flipFuses, FuseV1Options, FuseVersion, getCurrentFuseWire } from '@electron/fuses';

/** An Electron of Retort runs Retort: no other program, no options of Node, no debugger. */
export const fuses = {
  [FuseV1Options.RunAsNode]: false,
  [FuseV1Options.EnableCookieEncryption]: true,
  [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
  [FuseV1Options.EnableNodeCliInspectArguments]: false,
  // Only macOS and Windows check it.
  [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: true,
  [FuseV1Options.OnlyLoadAppFromAsar]: true,
  [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
};

/** Those of them that the binary knows: an older Electron has fewer. */
async function knownTo(program) {
  const known = await getCurrentFuseWire(program);
  return Object.fromEntries(Object.entries(fuses).filter(([fuse]) => fuse in known));
}

const programs = {
  linux: (packager) => packager.executableName,
  darwin: (packager) => `${packager.appInfo.productFilename}.app`,
  win32: (packager) => `${packager.appInfo.productFilename}.exe`,
};

export async function finish({ appOutDir, packager, electronPlatformName }) {
  // An Electron's own default app, which is copied along.
  for (const name of ['app', 'default_app.asar'])
    rmSync(join(appOutDir, 'resources', name), { recursive: true, force: true });
  const program = join(appOutDir, programs[electronPlatformName](packager));
  await flipFuses(program, {
    version: FuseVersion.V1,
    resetAdHocDarwinSignature: electronPlatformName === 'darwin',
    ...(await knownTo(program)),
  });
}
