/** What Electron's preload exposes; null in a browser. */
import type { Shell } from '../../electron/contract/shell.ts';

declare global {
  interface Window {
    readonly retort?: Shell;
  }
}

export const pageShell: Shell | null = window.retort ?? null;
