import { app, dialog, type BrowserWindow } from 'electron';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const modelFilters = [
  { name: 'Models', extensions: ['gguf', 'safetensors', 'onnx', 'retortpack'] },
  { name: 'All files', extensions: ['*'] },
];

/** Paths of models that a person chose: files, or a folder that is one model. */
export async function chooseModels(window: BrowserWindow): Promise<string[]> {
  // Only a Mac's dialog takes files and folders at the same time.
  if (process.platform === 'darwin') return choose(window, ['openFile', 'openDirectory', 'multiSelections']);
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: 'Is the model a file or a folder?',
    detail: 'GGUF models and packs are files. Hugging Face and ONNX models are folders.',
    buttons: ['File…', 'Folder…', 'Cancel'],
    defaultId: 0,
    cancelId: 2,
    noLink: true,
  });
  if (response === 2) return [];
  return response === 0
    ? choose(window, ['openFile', 'multiSelections'])
    : chooseFolder(window, 'Choose the model’s folder');
}

export async function chooseFolder(window: BrowserWindow, title: string): Promise<string[]> {
  const { filePaths } = await dialog.showOpenDialog(window, { title, properties: ['openDirectory'] });
  return filePaths;
}

type Property = 'openFile' | 'openDirectory' | 'multiSelections';

async function choose(window: BrowserWindow, properties: Property[]): Promise<string[]> {
  const { filePaths } = await dialog.showOpenDialog(window, {
    title: 'Choose models',
    filters: modelFilters,
    properties,
  });
  return filePaths;
}

/** Asks where to, and writes the whole file or none. False: cancelled. */
export async function saveFile(
  window: BrowserWindow,
  fileName: string,
  contents: string | Uint8Array,
): Promise<boolean> {
  const defaultPath = join(app.getPath('documents'), basename(fileName));
  const { filePath } = await dialog.showSaveDialog(window, { defaultPath });
  if (!filePath) return false;
  const partial = join(dirname(filePath), `.${basename(filePath)}.partial`);
  try {
    await writeFile(partial, contents);
    await rename(partial, filePath);
    return true;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
