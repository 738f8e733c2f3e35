/** A process of its own for one engine. */
import type { BenchEngine, OpenRequest, StartRequest } from './bench-engine.ts';
import { serveCalls } from './serve-calls.ts';

function callsOf(engine: BenchEngine) {
  return {
    open: (request: OpenRequest) => engine.open(request),
    start: (request: StartRequest) => engine.start(request),
    decode: (count: number) => engine.decode(count),
    close: () => engine.close(),
    /** Of JavaScript's heap and the buffers it holds. */
    scriptBytes: () => {
      const { heapTotal, external } = process.memoryUsage();
      return Promise.resolve(heapTotal + external);
    },
  };
}

export type EngineCalls = ReturnType<typeof callsOf>;

async function serve(name: string): Promise<void> {
  const module = (await import(`./${name}.ts`)) as { createEngine(): BenchEngine };
  serveCalls(callsOf(module.createEngine()));
}

// The client imports this module's types alone.
await serve(process.argv[2]!);
