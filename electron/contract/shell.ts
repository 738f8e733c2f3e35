/// <reference lib="dom" />
/* The reference above is for File. */
/**
 * What Electron's preload exposes as `window.retort`, besides the port that `connect` sends. In a browser there is none of it. Files cross
 * as grants: ids under which the shell told the host a path.
 */
export type ShellCommand =
  | 'new-chat' | 'search' | 'settings' | 'palette' | 'instruments' | 'shortcuts' | 'import-model'
  | 'go-chat' | 'go-compare' | 'go-cache' | 'go-models' | 'go-runs'; // prettier-ignore

export interface Shell {
  readonly platform: string;
  /** Asks for a port to the host: it arrives as a window message of this origin whose data is `portMessage(request)`. The page's earlier port is closed. */
  connect(request: number): void;
  /** A dialog; resolves with one grant for each chosen file or folder. */
  chooseModels(): Promise<string[]>;
  chooseModelFolder(): Promise<string | null>;
  /** Grants for files and folders that were dropped on the page. */
  grantDropped(files: readonly File[]): Promise<string[]>;
  /** A save dialog; false: cancelled. Rejects with what the system says. */
  saveText(fileName: string, text: string): Promise<boolean>;
  /** The same for a picture. */
  savePicture(fileName: string, png: Uint8Array): Promise<boolean>;
  openDataFolder(): Promise<void>;
  /** The menu's commands. Returns how to stop listening. */
  onCommand(listener: (command: ShellCommand) => void): () => void;
}

/** Between the preload and the main process; a page sees none of it. */
export const shellChannels = {
  connect: 'retort:connect',
  port: 'retort:port',
  portClosed: 'retort:port-closed',
  command: 'retort:command',
  chooseModels: 'retort:choose-models',
  chooseModelFolder: 'retort:choose-model-folder',
  grant: 'retort:grant',
  saveText: 'retort:save-text',
  savePicture: 'retort:save-picture',
  openDataFolder: 'retort:open-data-folder',
} as const;

/** What the main process answers: an error's own words would not cross by themselves. */
export type ShellAnswer =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** `data` of the window message that carries the port which that call of `connect` asked for. */
export const portMessage = (request: number) => `retort:port ${request}`;
/** `data` of the window message that says that the port's other end is gone: `connect` brings another. */
export const portClosedMessage = 'retort:port-closed';

/** In a browser: where the WebSocket is, below the page's own origin. */
export const socketPath = '/host';
/** In a browser: the link that starts Retort ends in `#` and this and a single-use code. */
export const codeFragment = 'code=';

/**
 * What a page in a browser says first over its WebSocket, and what it is answered, before any call; after that both ends send messages of
 * rpc.ts, one JSON text each. A code is traded once for a key, which serves for this tab's later connections.
 */
export type BrowserGreeting =
  { readonly type: 'code'; readonly code: string } | { readonly type: 'key'; readonly key: string };
export type BrowserWelcome =
  { readonly type: 'welcome'; readonly key: string } | { readonly type: 'refused'; readonly reason: string };
