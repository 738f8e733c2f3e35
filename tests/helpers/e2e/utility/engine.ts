/** In a utility process: an engine's end of its channel, with two operations in place of a model. Its Node is too old for a real engine. */
import { engineContract, type EngineContract } from '../../../../electron/contract/engine-contract.ts';
import { serve, type Handlers } from '../../../../electron/contract/rpc.ts';
import { parentPort } from '../../../../electron/engine/process/parent-port.ts';

const handlers: Partial<Handlers<EngineContract>> = {
  decode: ({ ids }) => Promise.resolve({ text: `${process.argv[2] ?? ''} ${ids.join()}` }),
  forget: () => {
    console.error('the last words');
    process.exit(7);
  },
};
serve(parentPort(), engineContract, handlers as Handlers<EngineContract>);
