import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { electronPort, utilityParentPort, type ElectronPort } from '../../electron/contract/electron-port.ts';
import { LatePort, portPair } from '../../electron/contract/port.ts';

const settle = () => new Promise((resolve) => setTimeout(resolve, 10));

it('what is sent before the channel comes arrives in order, then what is sent after', async () => {
  const late = new LatePort();
  const [here, there] = portPair();
  const seen: unknown[] = [];
  there.onMessage((value) => seen.push(value));
  late.postMessage(1);
  late.postMessage(2);
  late.open(here);
  late.postMessage(3);
  await settle();
  expect(seen).toEqual([1, 2, 3]);
});

it('what arrives goes to every listener, also those that came before the channel', async () => {
  const late = new LatePort();
  const [here, there] = portPair();
  const seen: unknown[] = [];
  late.onMessage((value) => seen.push(value));
  late.open(here);
  there.postMessage('x');
  await settle();
  expect(seen).toEqual(['x']);
});

it('an end is told once, with its reason, whether the channel came or not', async () => {
  const late = new LatePort();
  const told: unknown[] = [];
  late.onClose((reason) => told.push(reason));
  late.end('why');
  late.end('again');
  late.onClose((reason) => told.push(reason));
  await settle();
  expect(told).toEqual(['why', 'why']);
});

it('a channel that comes after the end is closed', async () => {
  const late = new LatePort();
  late.close();
  const [here, there] = portPair();
  let isClosed = false;
  there.onClose(() => (isClosed = true));
  late.open(here);
  await settle();
  expect(isClosed).toBe(true);
});

class FakePort extends EventEmitter implements ElectronPort {
  readonly sent: unknown[] = [];
  starts = 0;
  start = () => void (this.starts += 1);
  postMessage = (value: unknown) => void this.sent.push(value);
  close = () => void this.emit('close');
}

it('an Electron port starts with its first listener and tells its end once', async () => {
  const end = new FakePort();
  const port = electronPort(end);
  expect(end.starts).toBe(0);
  const seen: unknown[] = [];
  port.onMessage((value) => seen.push(value));
  end.emit('message', { data: 1 });
  let closes = 0;
  port.onClose(() => (closes += 1));
  port.close();
  port.close();
  port.postMessage('lost');
  port.onClose(() => (closes += 1));
  await settle();
  expect({ starts: end.starts, seen, closes, sent: end.sent }).toEqual({
    starts: 1,
    seen: [1],
    closes: 2,
    sent: [],
  });
});

it('a process that is no utility process has no port to a shell', () => {
  expect(utilityParentPort(process)).toBeNull();
});
