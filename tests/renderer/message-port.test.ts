/** The page's side of the hand-over of a port; the shell is the test's. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { portClosedMessage, portMessage, type Shell } from '../../electron/contract/shell.ts';
import { openMessagePort } from '../../renderer/ipc/message-port.ts';

/** A shell that answers as `answer` says; every port's far end echoes. */
function shellThat(answer: (request: number, give: () => void) => void): Shell {
  const give = (request: number) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => port1.postMessage(`${String(data)} by ${request}`);
    onTestFinished(() => port1.close());
    deliver(portMessage(request), [port2]);
  };
  return { connect: (request: number) => answer(request, () => give(request)) } as unknown as Shell;
}

function deliver(data: string, ports: MessagePort[] = []): void {
  window.dispatchEvent(Object.assign(new MessageEvent('message', { data, source: window }), { ports }));
}

function echo(port: Awaited<ReturnType<typeof openMessagePort>>): Promise<unknown> {
  return new Promise((resolve) => {
    port.onMessage(resolve);
    port.postMessage('said');
  });
}

it('a shell that does not answer is given up, and its late port is not taken for the next', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { signal } = new AbortController();
  const late: (() => void)[] = [];
  const unanswered = openMessagePort(
    shellThat((_request, give) => late.push(give)),
    signal,
  );
  const refused = expect(unanswered).rejects.toThrow('The shell handed over no port.');
  await vi.advanceTimersByTimeAsync(10_000);
  await refused;
  let asked = 0;
  const port = await openMessagePort(
    shellThat((request, give) => {
      asked = request;
      late[0]?.();
      give();
    }),
    signal,
  );
  vi.useRealTimers();
  expect(await echo(port)).toBe(`said by ${asked}`);
  port.close();
});

it('a port that came is waited for no more: nothing listens on at the signal', async () => {
  const { signal } = new AbortController();
  const [added, removed] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')];
  const port = await openMessagePort(
    shellThat((_request, give) => give()),
    signal,
  );
  port.close();
  expect(added.mock.calls).toHaveLength(1);
  expect(removed.mock.calls).toEqual(added.mock.calls);
});

it('a port is lost when the shell says so', async () => {
  const port = await openMessagePort(
    shellThat((_request, give) => give()),
    new AbortController().signal,
  );
  const closed = new Promise<void>((resolve) => port.onClose(() => resolve()));
  deliver(portClosedMessage);
  await closed;
});
