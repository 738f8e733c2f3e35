/** Hands each page one port to the host. */
import { ipcMain, MessageChannelMain, type WebContents } from 'electron';
import { shellChannels as channels } from '../contract/shell.ts';
import { isAppUrl, ownFrame } from './app-origin.ts';
import type { HostKeeper } from './host-process/host-keeper.ts';

export function setUpPagePorts(host: HostKeeper): void {
  const open = new Map<WebContents, () => void>();
  const close = (contents: WebContents) => {
    open.get(contents)?.();
    open.delete(contents);
  };

  ipcMain.on(channels.connect, (event, request: unknown) => {
    const frame = ownFrame(event);
    if (!frame || !Number.isSafeInteger(request)) return;
    const contents = event.sender;
    const tellClosed = () => {
      if (!contents.isDestroyed() && isAppUrl(contents.getURL())) contents.send(channels.portClosed);
    };
    // The news of a page's arrival may come after that page's own first words: then it has to ask again.
    watch(contents, () => {
      if (open.has(contents)) tellClosed();
      close(contents);
    });
    close(contents);
    const { port1, port2 } = new MessageChannelMain();
    const onHostEnd = () => {
      open.delete(contents);
      tellClosed();
    };
    frame.postMessage(channels.port, request, [port2]);
    open.set(contents, host.servePage(port1, onHostEnd));
  });
}

const watched = new WeakSet<WebContents>();

/** A page that is left, reloaded, crashed or closed needs its port no more. */
function watch(contents: WebContents, onLeave: () => void): void {
  if (watched.has(contents)) return;
  watched.add(contents);
  contents.on('did-navigate', onLeave);
  contents.on('render-process-gone', onLeave);
  contents.on('destroyed', onLeave);
}
