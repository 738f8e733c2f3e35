/** The shell: one window on our own pages, the host's process, and what only a desktop app can do. Holds no data and sees no token. */
import { app, dialog, session } from 'electron';
import { join } from 'node:path';
import { askAfterCrash } from './crash.ts';
import { setUpDataFolder, type AppFolders } from './data-folder.ts';
import { HostKeeper } from './host-process/host-keeper.ts';
import { hostStarter } from './host-process/start-host.ts';
import { setUpMenu } from './menu.ts';
import { setUpNavigation } from './navigation.ts';
import { setUpPagePorts } from './page-ports.ts';
import { setUpPermissions } from './permissions.ts';
import { setUpQuit } from './quit.ts';
import { registerScheme, setUpScheme } from './scheme.ts';
import { setUpShellOperations } from './shell-operations.ts';
import { isOnlyInstance } from './single-instance.ts';
import { setUpTheme } from './theme.ts';
import { setUpWindow } from './window.ts';

/** out/, where this file lies in out/app/main. */
const out = join(__dirname, '..', '..');
/** In a package this file lies in an archive, and what the host runs in plain files beside it (scripts/package/contents.mjs). */
const services = join(out, 'services').replace(/\.asar(?=[\\/])/, '.asar.unpacked');

/** The window comes last: everything that its page may ask is there before it. */
function start(folders: AppFolders): void {
  const host = new HostKeeper({
    start: hostStarter(services, folders),
    onFailure: sayAndQuit,
    askToRestart: (reason) =>
      askAfterCrash(`Retort’s services ended twice within a few seconds (${reason}).`),
  });
  setUpQuit(host);
  setUpScheme(join(out, 'app', 'renderer'));
  setUpPermissions(session.defaultSession);
  setUpNavigation();
  setUpPagePorts(host);
  setUpShellOperations({ home: folders.home, grant: (path) => host.grant(path) });
  setUpMenu();
  setUpTheme(folders.home);
  setUpWindow({
    preload: join(out, 'app', 'preload', 'preload.cjs'),
    stateFile: join(folders.shell, 'window.json'),
  });
}

function sayAndQuit(message: string): void {
  void dialog
    .showMessageBox({ type: 'error', message: 'Retort cannot start', detail: message, buttons: ['Quit'] })
    .finally(() => app.quit());
}

registerScheme();
// enableSandbox would undo --no-sandbox, without which no root can run Electron.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
const folders = setUpDataFolder();
if (isOnlyInstance()) {
  app.whenReady().then(
    () => start(folders),
    () => app.exit(1),
  );
} else {
  app.quit();
}
