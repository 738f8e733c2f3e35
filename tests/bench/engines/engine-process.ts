/** A process of its own for one engine: runs what its parent asks, one call after another, and ends when the parent goes. */
import type { BenchEngine } from './bench-engine.ts';

export interface EngineProcess extends BenchEngine {
  /** Of JavaScript's heap and the buffers it holds. */
  scriptBytes(): Promise<number>;
}

type Calls = Record<keyof EngineProcess, (argument: never) => Promise<unknown>>;
interface Call {
  readonly method: keyof EngineProcess;
  readonly argument: never;
}

function callsOf(engine: BenchEngine): Calls {
  return {
    open: (request) => engine.open(request),
    start: (request) => engine.start(request),
    decode: (count) => engine.decode(count),
    close: () => engine.close(),
    scriptBytes: () => {
      const { heapTotal, external } = process.memoryUsage();
      return Promise.resolve(heapTotal + external);
    },
  };
}

async function answer(calls: Calls, { method, argument }: Call): Promise<void> {
  try {
    const value = await calls[method](argument);
    process.send!({ value });
  } catch (error) {
    process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

async function serve(name: string): Promise<void> {
  const module = (await import(`./${name}.ts`)) as { createEngine(): BenchEngine };
  const calls = callsOf(module.createEngine());
  process.on('message', (call) => void answer(calls, call as Call));
  process.on('disconnect', () => process.exit());
}

// The client imports this module's types alone.
await serve(process.argv[2]!);
