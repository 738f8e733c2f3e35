import { electronPort, utilityParentPort, type UtilityParentPort } from '../../contract/electron-port.ts';
import { LatePort, type Port } from '../../contract/port.ts';

/** The channel to the host that this engine serves. */
export function parentPort(): Port {
  const parent = utilityParentPort(process);
  return parent ? portFromShell(parent) : nodeParentPort();
}

/** Electron's main process, which starts the utility processes, sends the port to the host. The engine ends when the host is gone. */
function portFromShell(parent: UtilityParentPort): Port {
  const port = new LatePort();
  parent.on('message', ({ ports: [end] }) => end && port.open(electronPort(end)));
  port.onClose(() => process.exit(0));
  return port;
}

/** The process that forked this one. */
function nodeParentPort(): Port {
  return {
    postMessage(value) {
      if (process.connected) process.send?.(value, undefined, undefined, () => undefined);
    },
    onMessage: (listener) => void process.on('message', listener),
    onClose: (listener) => void process.on('disconnect', () => listener()),
    close: () => process.disconnect?.(),
  };
}
