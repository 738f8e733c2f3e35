import type { ChildProcess } from 'node:child_process';
import type { Port } from '../../contract/port.ts';

const tailBytes = 4096;

/**
 * The parent's end of a Node child's channel. It closes when the child has exited and everything it sent was received; the
 * reason names the exit code or signal and the last line of what the child wrote to stderr.
 */
export function childPort(child: ChildProcess): Port {
  const closeListeners: ((reason?: string) => void)[] = [];
  let reason: string | null = null;
  let stderr = '';
  let isClosedHere = false;
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (stderr = (stderr + text).slice(-tailBytes)));

  const close = (why: string) => {
    if (reason !== null) return;
    reason = why;
    for (const listener of closeListeners) listener(why);
  };
  child.on('error', (error) => close(`The process could not be started or reached: ${error.message}`));
  // 'close' follows 'exit' once pipes and channel are drained; it never comes where this end closed the channel.
  child.on('close', (code, signal) => close(exitReason(code, signal, stderr)));
  child.on('exit', (code, signal) => {
    if (!child.connected && isClosedHere) close(exitReason(code, signal, stderr));
  });

  return {
    postMessage(value) {
      if (child.connected) child.send(value as object, () => undefined);
    },
    onMessage: (listener) => void child.on('message', listener),
    onClose(listener) {
      if (reason === null) closeListeners.push(listener);
      else queueMicrotask(() => listener(reason ?? undefined));
    },
    close() {
      isClosedHere = true;
      if (child.connected) child.disconnect();
    },
  };
}

function exitReason(code: number | null, signal: string | null, stderr: string): string {
  const how = signal === null ? `with code ${code ?? 0}` : `by signal ${signal}`;
  const last = stderr.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return `The engine process ended ${how}${last === '' ? '.' : `: ${last.slice(0, 300)}`}`;
}
