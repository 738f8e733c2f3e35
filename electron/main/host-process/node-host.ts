/**
 * The host as a child of a Node of its own, for an Electron whose Node is too old to run it: the tests'. This process relays the pages'
 * messages, and engines are the host's children.
 */
import { spawn } from 'node:child_process';
import type { MessagePortMain } from 'electron';
import type { FromHostProcess, ToHostProcess } from '../../contract/host-process.ts';
import { createControl } from './control.ts';
import { endLimitMs, type HostEnd, type HostProcess } from './host.ts';

export interface NodeHostOptions {
  readonly node: string;
  readonly entry: string;
  readonly arguments: readonly string[];
}

export function startNodeHost(options: NodeHostOptions): HostProcess {
  const child = spawn(options.node, [options.entry, ...options.arguments], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const post = (message: ToHostProcess) => {
    if (child.connected) child.send(message, () => undefined);
  };
  const control = createControl((value) => post({ type: 'control', value }));
  const pages = new Map<number, MessagePortMain>();
  let lastPage = 0;
  let failure: string | null = null;

  const closePage = (page: number) => {
    pages.get(page)?.close();
    pages.delete(page);
  };
  child.on('message', (value) => {
    const message = value as FromHostProcess;
    if (message.type === 'control') control.receive(message.value);
    else if (message.type === 'page-message') pages.get(message.page)?.postMessage(message.value);
    else if (message.type === 'page-closed') closePage(message.page);
    else if (message.type === 'failed') failure = message.message;
  });
  const ended = new Promise<HostEnd>((resolve) => {
    const end = (reason: string) => {
      control.end(reason);
      for (const page of [...pages.keys()]) closePage(page);
      resolve({ reason, failure });
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, signal) => end(signal === null ? `exit code ${code ?? 0}` : `signal ${signal}`));
  });

  return {
    pid: child.pid,
    ended,
    servePage(port) {
      const page = ++lastPage;
      pages.set(page, port);
      post({ type: 'page', page });
      port.on('message', ({ data }) => post({ type: 'page-message', page, value: data as unknown }));
      port.on('close', () => {
        pages.delete(page);
        post({ type: 'page-closed', page });
      });
      port.start();
      return () => port.close();
    },
    grant: (path) => control.client.grant({ path }),
    async close() {
      const timer = setTimeout(() => child.kill('SIGKILL'), endLimitMs);
      control.client.close(null).catch(() => undefined);
      await ended;
      clearTimeout(timer);
    },
  };
}
