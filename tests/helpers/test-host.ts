/** A host in a data folder of its own, its client beside it; both end with the running test. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hostContract, type HostContract } from '../../electron/contract/host-contract.ts';
import type { Compute } from '../../electron/contract/machine.ts';
import { pageContract, type PageContract } from '../../electron/contract/page-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import type { Client } from '../../electron/contract/rpc.ts';
import { nodeEngineStarter, type EngineStarter } from '../../electron/host/engines/engine-starter.ts';
import type { SystemMemory } from '../../electron/host/memory/system-memory.ts';
import { createHost, openPageHost, type Host } from '../../electron/host/host.ts';
import { goldenFolder } from './golden.ts';

/** A folder that lives until the running test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'retort-home-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestHost {
  readonly client: Client<HostContract>;
  readonly home: string;
  /** Ids of the engine processes started so far. */
  readonly engines: number[];
}

export interface TestPageHost extends TestHost {
  readonly page: Client<PageContract>;
  /** As when the app ends; the end of the test is then no second one. */
  readonly close: () => Promise<void>;
}

/** Engines as the command line starts them, and their ids. */
function watchedStarter(): { starter: EngineStarter; engines: number[] } {
  const engines: number[] = [];
  const starter: EngineStarter = {
    start(kind) {
      const started = nodeEngineStarter.start(kind);
      engines.push(started.pid);
      return started;
    },
  };
  return { starter, engines };
}

/** What other programs keep on the tester's machine is no part of a test. */
const alone = (home: string) => ({ home, cache: join(home, 'cache'), otherModels: [] });

function clientOf(host: Host): Client<HostContract> {
  const [here, there] = portPair();
  host.serve(there);
  onTestFinished(async () => {
    await host.close();
    here.close();
  });
  return connect(here, hostContract);
}

export function startHost(home = temporaryFolder()): TestHost {
  const { starter, engines } = watchedStarter();
  return { client: clientOf(createHost({ ...alone(home), starter })), home, engines };
}

/** One that owns the chats of its folder, and a page of it. */
export async function startPageHost(
  home = temporaryFolder(),
  system: SystemMemory | null = null,
): Promise<TestPageHost> {
  const { starter, engines } = watchedStarter();
  const opened = await openPageHost({
    ...alone(home),
    starter,
    ...(system ? { system: () => system } : {}),
  });
  let closing: Promise<void> | null = null;
  const host = { ...opened, close: () => (closing ??= opened.close()) };
  const [here, there] = portPair();
  host.servePage(there);
  const { close } = host;
  return { client: clientOf(host), page: connect(here, pageContract), home, engines, close };
}

export const reference: Compute = {
  engine: 'onnx',
  arithmetic: 'reference',
  device: 'cpu',
  threads: 1,
  memoryBudget: null,
};

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

/** An engine process that may open weights; the others read headers and texts. */
export function isForWeights(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('weights');
  } catch {
    return false;
  }
}
