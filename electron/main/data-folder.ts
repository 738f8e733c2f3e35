/** Where everything lies: Retort's data folder, the same as the command line's, with the shell's own files below it. */
import { app } from 'electron';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { folders, type Folders } from '../host/folders.ts';

export interface AppFolders extends Folders {
  /** Chromium's files and the window's place. */
  readonly shell: string;
}

/** To be called first: what comes after uses these folders. */
export function setUpDataFolder(): AppFolders {
  const { home, cache } = folders();
  const shell = join(home, 'shell');
  mkdirSync(shell, { recursive: true });
  app.setPath('userData', shell);
  return { home, cache, shell };
}
