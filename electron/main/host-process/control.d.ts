/** Calls of the shell to the host over whatever channel there is. */
import { type HostProcessContract } from '../../contract/host-process.ts';
import type { Client } from '../../contract/rpc.ts';
export interface Control {
  readonly client: Client<HostProcessContract>;
  /** A control message of the host has come. */
  receive(value: unknown): void;
  /** The host is gone: open calls fail. */
  end(reason: string): void;
}
export declare function createControl(post: (value: unknown) => void): Control;
