/** What the preload may ask: dialogs and files. Every call is checked: who asks, and what. */
import { BrowserWindow, ipcMain, shell, type IpcMainInvokeEvent } from 'electron';
import { z } from 'zod';
import { shellChannels as channels, type ShellAnswer } from '../contract/shell.ts';
import { ownFrame } from './app-origin.ts';
import { chooseFolder, chooseModels, saveFile } from './dialogs.ts';

/** Longer paths exist on no system that Retort runs on. */
const Path = z.string().min(1).max(32_767);
const mostPaths = 1000;
const longestText = 64 * 2 ** 20;
const FileName = z.string().min(1).max(1000);
/** Begins as every PNG does: nothing else is written this way. */
const Picture = z
  .instanceof(Uint8Array)
  .refine((bytes) => bytes.length <= longestText && pngSignature.every((byte, i) => bytes[i] === byte));
const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export interface ShellServices {
  /** Data folder. */
  readonly home: string;
  readonly grant: (path: string) => Promise<string>;
}

export function setUpShellOperations({ home, grant }: ShellServices): void {
  const grantAll = (paths: readonly string[]) => Promise.all(paths.map((path) => grant(path)));

  handle(channels.chooseModels, z.tuple([]), async (window) => grantAll(await chooseModels(window)));
  handle(channels.chooseModelFolder, z.tuple([]), async (window) => {
    const [folder] = await chooseFolder(window, 'Choose a folder of models');
    return folder === undefined ? null : grant(folder);
  });
  handle(channels.grant, z.tuple([z.array(Path).max(mostPaths)]), (_window, paths) => grantAll(paths));
  handle(channels.saveText, z.tuple([FileName, z.string().max(longestText)]), (window, fileName, text) =>
    saveFile(window, fileName, text),
  );
  handle(channels.savePicture, z.tuple([FileName, Picture]), (window, fileName, png) =>
    saveFile(window, fileName, png),
  );
  handle(channels.openDataFolder, z.tuple([]), async () => {
    const failure = await shell.openPath(home);
    if (failure !== '') throw new Error(failure);
    return null;
  });
}

type Operation<Inputs extends unknown[]> = (window: BrowserWindow, ...inputs: Inputs) => Promise<unknown>;

function handle<S extends z.ZodType<unknown[]>>(
  channel: string,
  inputs: S,
  operation: Operation<z.output<S>>,
): void {
  ipcMain.handle(channel, async (event, ...given: unknown[]): Promise<ShellAnswer> => {
    try {
      return { ok: true, value: await operation(windowOf(event), ...inputs.parse(given)) };
    } catch (error) {
      return {
        ok: false,
        message: error instanceof z.ZodError ? 'The call is not valid.' : messageOf(error),
      };
    }
  });
}

function windowOf(event: IpcMainInvokeEvent): BrowserWindow {
  const window = ownFrame(event) && BrowserWindow.fromWebContents(event.sender);
  if (!window) throw new Error('Only Retort’s own window may ask this.');
  return window;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
