/** The host's process, whichever way it was started. */
import type { MessagePortMain } from 'electron';
export interface HostProcess {
  readonly pid: number | undefined;
  /** The host serves the page at the other end of `port`. Returns how to end that. */
  servePage(port: MessagePortMain): () => void;
  /** The id under which pages may name the path. */
  grant(path: string): Promise<string>;
  /** Asks it to end what it started and itself; it is killed where that takes longer than 5 s. */
  close(): Promise<void>;
  /** Resolves once it has ended. */
  readonly ended: Promise<HostEnd>;
}
export interface HostEnd {
  /** For people: how it ended. */
  readonly reason: string;
  /** Why it could not begin, where it said so: another try would say the same. */
  readonly failure: string | null;
}
export type StartHost = () => HostProcess;
export declare const endLimitMs = 5000;
