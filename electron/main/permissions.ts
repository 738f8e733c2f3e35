/** What pages may do beyond showing themselves. Electron allows everything that nobody denies. */
import type { Session } from 'electron';
import { appScheme } from './app-origin.ts';

const allowed: ReadonlySet<string> = new Set(['clipboard-sanitized-write']);
/** Addresses that stay inside the page, and the developer tools' own. */
const localSchemes: ReadonlySet<string> = new Set([`${appScheme}:`, 'blob:', 'data:', 'devtools:']);

export function setUpPermissions(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, decide) => decide(allowed.has(permission)));
  session.setPermissionCheckHandler((_contents, permission) => allowed.has(permission));
  session.setDevicePermissionHandler(() => false);
  // What is to be saved goes through the save dialog.
  session.on('will-download', (event) => event.preventDefault());
  // Its dictionaries would be downloaded.
  session.setSpellCheckerEnabled(false);
  // The content security policy says the same to pages; this holds whatever a page is.
  session.webRequest.onBeforeRequest((request, decide) =>
    decide({ cancel: !localSchemes.has(new URL(request.url).protocol) }),
  );
}
