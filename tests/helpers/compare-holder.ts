/** `node compare-holder.ts HOME REQUEST`: compares, tells when windows of the text are kept, and waits to be killed. */
import { join } from 'node:path';
import type { CompareCommand } from '../../electron/contract/host-contract.ts';
import { hostContract } from '../../electron/contract/host-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import { nodeEngineStarter } from '../../electron/host/engines/engine-starter.ts';
import { createHost } from '../../electron/host/host.ts';

const [home = '', request = ''] = process.argv.slice(2);
const host = createHost({ home, cache: join(home, 'cache'), otherModels: [], starter: nodeEngineStarter });
const [here, there] = portPair();
host.serve(there);
const call = connect(here, hostContract).compare(JSON.parse(request) as CompareCommand);
call.done.catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
for await (const event of call.chunks) {
  // Windows before this one are on disk.
  if (event.type === 'progress' && event.progress.phase === 'text' && event.progress.done > 3 * 64) {
    process.send?.('reading');
  }
}
