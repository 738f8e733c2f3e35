import { BrowserWindow, dialog, shell } from 'electron';
import { externalAddress } from './external-address.ts';

let isAsking = false;

/** Asks whether to open a link, showing all of it, and opens it in the system's browser. One question at a time; the rest is dropped. */
export async function offerToOpen(address: string): Promise<void> {
  const link = externalAddress(address);
  const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0];
  if (link === null || !window || isAsking) return;
  isAsking = true;
  try {
    const { response } = await dialog.showMessageBox(window, {
      type: 'question',
      message: 'Open this link in your browser?',
      detail: link,
      buttons: ['Open', 'Cancel'],
      defaultId: 1,
      cancelId: 1,
      noLink: true,
    });
    if (response === 0) await shell.openExternal(link);
  } finally {
    isAsking = false;
  }
}
