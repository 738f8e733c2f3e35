/** The host's end of the channel to Electron's main process. */
import { electronPort, utilityParentPort, type UtilityParentPort } from '../../contract/electron-port.ts';
import type { FromHostProcess, ToHostProcess } from '../../contract/host-process.ts';
import type { Port } from '../../contract/port.ts';

/** A message and, where the host is a utility process, the port that came along. */
export type ShellListener = (message: ToHostProcess, port: Port | null) => void;

export interface ShellLink {
  /** Engines of a utility process are started by the shell; a Node child starts its own. */
  readonly isUtilityProcess: boolean;
  post(message: FromHostProcess): void;
  listen(listener: ShellListener): void;
  /** The shell is gone; a utility process ends with it by itself. */
  onGone(listener: () => void): void;
}

/** The channel to the process that started this one. */
export function shellLink(): ShellLink {
  const parent = utilityParentPort(process);
  return parent ? utilityLink(parent) : childLink();
}

function utilityLink(parent: UtilityParentPort): ShellLink {
  return {
    isUtilityProcess: true,
    post: (message) => parent.postMessage(message),
    listen: (listener) =>
      void parent.on('message', ({ data, ports: [port] }) =>
        listener(data as ToHostProcess, port ? electronPort(port) : null),
      ),
    onGone: () => undefined,
  };
}

function childLink(): ShellLink {
  return {
    isUtilityProcess: false,
    post(message) {
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
    listen: (listener) => void process.on('message', (message) => listener(message as ToHostProcess, null)),
    onGone: (listener) => void process.once('disconnect', listener),
  };
}
