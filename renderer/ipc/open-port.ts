import type { Shell } from '../../electron/contract/shell.ts';
import type { OpenPort } from './host-connection.ts';
import { openMessagePort } from './message-port.ts';
import { openWebSocket } from './web-socket-port.ts';

/** How this page reaches its host: through Electron's shell, else over a WebSocket. */
export function openPortOf(shell: Shell | null): OpenPort {
  // async, so that what is thrown before there is a promise rejects too
  return async (signal) => (shell ? openMessagePort(shell, signal) : openWebSocket(signal));
}
