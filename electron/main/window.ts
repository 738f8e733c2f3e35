/** The one window. */
import { app, BrowserWindow, screen } from 'electron';
import { appUrl } from './app-origin.ts';
import { askAfterCrash } from './crash.ts';
import { RestartLimit } from './restart-limit.ts';
import { backgroundColor } from './theme.ts';
import { reachableBounds, readWindowState, smallest, writeWindowState } from './window-state.ts';

export interface WindowOptions {
  readonly preload: string;
  /** File of the window's place. */
  readonly stateFile: string;
}

/** Opens the window now, and again where the platform brings an app without windows back. */
export function setUpWindow(options: WindowOptions): void {
  openWindow(options);
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow(options);
  });
  app.on('window-all-closed', () => {
    // On a Mac an app stays until it is quit.
    if (process.platform !== 'darwin') app.quit();
  });
}

function openWindow({ preload, stateFile }: WindowOptions): void {
  const state = readWindowState(stateFile);
  const window = new BrowserWindow({
    ...reachableBounds(state, displayAreas()),
    minWidth: smallest.width,
    minHeight: smallest.height,
    show: false,
    title: 'Retort',
    backgroundColor: backgroundColor(),
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
    },
  });
  if (state?.isMaximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () =>
    writeWindowState(stateFile, { bounds: window.getNormalBounds(), isMaximized: window.isMaximized() }),
  );
  reloadAfterCrash(window);
  void window.loadURL(appUrl);
}

/** The primary display first. */
function displayAreas() {
  const primary = screen.getPrimaryDisplay();
  const others = screen.getAllDisplays().filter(({ id }) => id !== primary.id);
  return [primary, ...others].map(({ workArea }) => workArea);
}

/** Chats and replies are the host's: a page that crashed has lost nothing that a reload does not bring back. */
function reloadAfterCrash(window: BrowserWindow): void {
  const limit = new RestartLimit();
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit') return;
    if (limit.allow()) return window.webContents.reload();
    void askAfterCrash(`Retort’s window crashed twice within a few seconds (${reason}).`).then(
      (again) => again && window.webContents.reload(),
    );
  });
}
