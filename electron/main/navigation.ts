/** Windows show our own pages and open no others; a link leads to the system's browser after a person agreed. */
import { app, type WebContents } from 'electron';
import { appUrl, isAppPage } from './app-origin.ts';
import { offerToOpen } from './external-links.ts';

/** To be called before the first window. */
export function setUpNavigation(): void {
  app.on('web-contents-created', (_event, contents) => watch(contents));
}

function watch(contents: WebContents): void {
  contents.on('will-navigate', (event, url) => {
    if (isAppPage(url)) return;
    event.preventDefault();
    void offerToOpen(url);
  });
  // Going to about:blank asks nobody: what came of it is undone. Other contents than windows' are the developer tools.
  contents.on('did-navigate', (_event, url) => {
    if (contents.getType() === 'window' && !isAppPage(url)) void contents.loadURL(appUrl);
  });
  contents.on('will-redirect', (event, url) => {
    if (!isAppPage(url)) event.preventDefault();
  });
  // Frames inside a page, of which ours have none. Electron before 25 has no such event; the content security policy forbids them too.
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    void offerToOpen(url);
    return { action: 'deny' };
  });
}
