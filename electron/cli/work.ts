import type { WorkEvent } from '../contract/host-contract.ts';
import { drain } from '../contract/rpc-client.ts';
import type { StreamCall } from '../contract/rpc.ts';
import type { Output } from './output.ts';

/** Shows progress and warnings of a piece of work; returns its result. */
export async function followWork<Done>(call: StreamCall<WorkEvent, Done>, output: Output): Promise<Done> {
  const done = await drain(call, (event) => {
    if (event.type === 'progress') output.progress(event.progress);
    else output.note(`warning: ${event.message}`);
  });
  output.clearProgress();
  return done;
}
