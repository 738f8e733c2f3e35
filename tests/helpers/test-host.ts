/** A host in a data folder of its own, its client beside it; both end with the running test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hostContract, type Compute, type HostContract } from '../../electron/contract/host-contract.ts';
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { nodeEngineStarter, type EngineStarter } from '../../electron/host/engines/engine-starter.ts';
import { createHost } from '../../electron/host/host.ts';
import { goldenFolder } from './golden.ts';

/** A folder that lives until the running test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retort-home-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestHost {
  readonly client: Client<HostContract>;
  /** A page of the same host. */
  readonly page: Client<PageContract>;
  readonly home: string;
  /** Ids of the engine processes started so far. */
  readonly engines: number[];
}

export function startHost(home = temporaryFolder()): TestHost {
  const engines: number[] = [];
  const starter: EngineStarter = {
    start(kind) {
      const started = nodeEngineStarter.start(kind);
      engines.push(started.pid);
      return started;
    },
  };
  // What other programs keep on the tester's machine is no part of a test.
  const host = createHost({ home, cache: join(home, 'cache'), starter, otherModels: [] });
  const [here, there] = portPair();
  host.serve(there);
  const [pageHere, pageThere] = portPair();
  host.servePage(pageThere);
  onTestFinished(async () => {
    await host.close();
    here.close();
    pageHere.close();
  });
  return {
    client: connect(here, hostContract),
    page: connect(pageHere, pageContract),
    home,
    engines,
  };
}

export const reference: Compute = { engine: 'onnx', arithmetic: 'reference', device: 'cpu', threads: 1 };

/** A golden tiny model as a reference to it. */
export function tinyModel(name: string) {
  return { name, path: join(goldenFolder, 'tiny', name) };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
