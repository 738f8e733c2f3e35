/** The other end of call-client.ts: runs what the parent asks, one call after another, and ends when the parent goes. */

export type CallMap = Record<string, (argument: never) => Promise<unknown>>;

interface Call {
  readonly method: string;
  readonly argument: never;
}

async function answer(calls: CallMap, { method, argument }: Call): Promise<void> {
  try {
    const value = await calls[method]!(argument);
    process.send!({ value });
  } catch (error) {
    process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

export function serveCalls(calls: CallMap): void {
  process.on('message', (call) => void answer(calls, call as Call));
  process.on('disconnect', () => process.exit());
}
