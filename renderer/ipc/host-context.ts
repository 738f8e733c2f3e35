import { createContext, useContext } from 'react';
import type { PageContract } from '../../electron/contract/page-contract.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import type { Shell } from '../../electron/contract/shell.ts';

export interface Host {
  readonly client: Client<PageContract>;
  /** Null in a browser. */
  readonly shell: Shell | null;
}

export const HostContext = createContext<Host | null>(null);

/** The host of the page around: its operations, and the shell's where there is one. */
export function useHost(): Host {
  const host = useContext(HostContext);
  if (!host) throw new Error('There is no host around this component.');
  return host;
}
