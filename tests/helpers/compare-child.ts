/** `node compare-child.ts HOME WORK PLACE`: compares, or goes on with a job, and kills itself at a place (killedAt of comparisons.ts). */
import { join } from 'node:path';
import type { CompareEvent } from '../../electron/contract/compare.ts';
import { hostContract, type CompareCommand } from '../../electron/contract/host-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect, drain } from '../../electron/contract/rpc-client.ts';
import type { StreamCall } from '../../electron/contract/rpc.ts';
import { nodeEngineStarter, type EngineStarter } from '../../electron/host/engines/engine-starter.ts';
import { createHost } from '../../electron/host/host.ts';

const [home = '', work = '', place = ''] = process.argv.slice(2);
const [, wanted = place, from = '0'] = /^(.+) (\d+)$/.exec(place) ?? [];

type Event = CompareEvent | { readonly type: 'window'; readonly index: number };

function dieAt(event: Event): void {
  const isProgress = event.type === 'progress';
  const name = isProgress ? event.progress.phase : event.type;
  const number = isProgress ? event.progress.done : 'index' in event ? event.index : 0;
  if (name === wanted && number >= Number(from)) process.kill(process.pid, 'SIGKILL');
}

/** Engines whose windows are seen before the host has them: it keeps each before it takes the next. */
const starter: EngineStarter = {
  start(kind) {
    const started = nodeEngineStarter.start(kind);
    const compare: typeof started.client.compare = (input, options) =>
      watched(started.client.compare(input, options), (event) => {
        if (event.type === 'window') dieAt(event);
      });
    return { ...started, client: { ...started.client, compare } };
  },
};

function watched<Chunk, Done>(
  call: StreamCall<Chunk, Done>,
  look: (chunk: Chunk) => void,
): StreamCall<Chunk, Done> {
  async function* chunks() {
    for await (const chunk of call.chunks) {
      look(chunk);
      yield chunk;
    }
  }
  return { chunks: chunks(), done: call.done };
}

const host = createHost({ home, cache: join(home, 'cache'), otherModels: [], starter });
const [here, there] = portPair();
host.serve(there);
const client = connect(here, hostContract);
const asked = JSON.parse(work) as CompareCommand | string;
await drain(typeof asked === 'string' ? client.resumeJob({ id: asked }) : client.compare(asked), dieAt);
process.exit(0);
