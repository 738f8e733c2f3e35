/** Calls of the shell to the host over whatever channel there is. */
import { hostProcessContract, type HostProcessContract } from '../../contract/host-process.ts';
import { LatePort } from '../../contract/port.ts';
import { connect } from '../../contract/rpc-client.ts';
import type { Client } from '../../contract/rpc.ts';

export interface Control {
  readonly client: Client<HostProcessContract>;
  /** A control message of the host has come. */
  receive(value: unknown): void;
  /** The host is gone: open calls fail. */
  end(reason: string): void;
}

export function createControl(post: (value: unknown) => void): Control {
  const port = new LatePort();
  let receive: (value: unknown) => void = () => undefined;
  port.open({
    postMessage: post,
    onMessage: (listener) => (receive = listener),
    onClose: () => undefined,
    close: () => undefined,
  });
  return {
    client: connect(port, hostProcessContract),
    receive: (value) => receive(value),
    end: (reason) => port.end(reason),
  };
}
