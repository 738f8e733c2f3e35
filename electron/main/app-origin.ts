/** Our own pages: the scheme they have, and who counts as one of them. */
import type { IpcMainEvent, IpcMainInvokeEvent, WebFrameMain } from 'electron';

export const appScheme = 'app';
export const appUrl = `${appScheme}://retort/`;

/** Whether an address is of our own origin. Parsed, so that `app://retort.evil/` and `app://x@evil/` are not. */
export function isAppUrl(address: string): boolean {
  try {
    const { protocol, host, username, password } = new URL(address);
    return protocol === `${appScheme}:` && host === 'retort' && username === '' && password === '';
  } catch {
    return false;
  }
}

/** Whether an address is the one page that there is. */
export function isAppPage(address: string): boolean {
  return isAppUrl(address) && new URL(address).pathname === '/';
}

/** The main frame of a window that shows our own page; null for any other sender: a frame inside it, a page that is gone. */
export function ownFrame(event: IpcMainEvent | IpcMainInvokeEvent): WebFrameMain | null {
  const frame = event.senderFrame;
  return frame && frame.parent === null && isAppUrl(frame.url) ? frame : null;
}
