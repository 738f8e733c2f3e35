/** Gives the page the shell's few operations and the port to the host. Runs in the page's sandbox; holds no logic. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import {
  portClosedMessage,
  portMessage,
  shellChannels as channels,
  type Shell,
  type ShellAnswer,
  type ShellCommand,
} from '../contract/shell.ts';

async function ask<T>(channel: string, ...inputs: unknown[]): Promise<T> {
  const answer = (await ipcRenderer.invoke(channel, ...inputs)) as ShellAnswer;
  if (answer.ok) return answer.value as T;
  throw new Error(answer.message);
}

/** Electron before 32 tells a file's path by itself. */
function pathOf(file: File): string {
  const told = file as File & { readonly path?: string };
  return file instanceof File ? (told.path ?? webUtils.getPathForFile(file)) : '';
}

const shell: Shell = {
  platform: process.platform,
  connect: (request) => ipcRenderer.send(channels.connect, request),
  chooseModels: () => ask(channels.chooseModels),
  chooseModelFolder: () => ask(channels.chooseModelFolder),
  grantDropped: (files) => ask(channels.grant, files.map(pathOf)),
  saveText: (fileName, text) => ask(channels.saveText, fileName, text),
  savePicture: (fileName, png) => ask(channels.savePicture, fileName, png),
  openDataFolder: () => ask(channels.openDataFolder),
  onCommand(listener) {
    const hear = (_event: unknown, command: ShellCommand) => listener(command);
    ipcRenderer.on(channels.command, hear);
    return () => void ipcRenderer.off(channels.command, hear);
  },
};
contextBridge.exposeInMainWorld('retort', shell);

// A MessagePort does not cross the bridge; a window message carries it into the page.
ipcRenderer.on(channels.port, (event, request: number) =>
  window.postMessage(portMessage(request), location.origin, [...event.ports]),
);
ipcRenderer.on(channels.portClosed, () => window.postMessage(portClosedMessage, location.origin));
