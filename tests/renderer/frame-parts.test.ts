import { describe, expect, test, vi } from 'vitest';
import { portPair, type Port } from '../../electron/contract/port.ts';
import { pageContract } from '../../electron/contract/page-contract.ts';
import { serve } from '../../electron/contract/rpc.ts';
import { fragmentOf, parseRoute } from '../../renderer/app/routes.ts';
import { bindingText, ShortcutReader, shortcuts } from '../../renderer/app/shortcuts.ts';
import { ConnectionRefused } from '../../renderer/ipc/connection-refused.ts';
import { HostConnection } from '../../renderer/ipc/host-connection.ts';
import {
  formatBytes,
  formatCount,
  formatMilliseconds,
  formatNumber,
  formatRate,
} from '../../renderer/ui/format.ts';
import { ChatHost } from '../helpers/chat-host.ts';

describe('figures', () => {
  test.each([
    [formatNumber(-1234.5, 1), '−1,234.5'],
    [formatBytes(0), '0 B'],
    [formatBytes(2048), '2 KiB'],
    [formatBytes(30.13 * 1024 ** 2), '30.1 MiB'],
    [formatBytes(208 * 1024 ** 2), '208 MiB'],
    [formatBytes(2.38 * 1024 ** 3), '2.38 GiB'],
    [formatBytes(-(1024 ** 3)), '−1.00 GiB'],
    [formatMilliseconds(7.02), '7.0 ms'],
    [formatMilliseconds(393.4), '393 ms'],
    [formatMilliseconds(999.7), '1.0 s'],
    [formatMilliseconds(2900), '2.9 s'],
    [formatMilliseconds(100_000), '1 min 40 s'],
    [formatMilliseconds(7_500_000), '2 h 5 min'],
    [formatRate(148.24), '148.2'],
    [formatRate(2861.4), '2,861'],
    [formatCount(1, 'token'), '1 token'],
    [formatCount(1384, 'token'), '1,384 tokens'],
  ])('%j is as the interface writes it', (written, expected) => {
    expect(written).toBe(expected);
  });
});

describe('routes', () => {
  test.each([
    ['', '#/chat'],
    ['#/chat', '#/chat'],
    ['#/chat/abc-1', '#/chat/abc-1'],
    ['#/chat/abc/msg', '#/chat/abc/msg'],
    ['#/models', '#/models'],
    ['#/models/tiny', '#/models/tiny'],
    ['#/settings', '#/settings'],
    ['#/nowhere', '#/chat'],
    ['#/chat/../../etc', '#/chat'],
    ['#/chat/%2e%2e', '#/chat'],
    ['#/models/A B', '#/models'],
  ])('%j leads to %j', (fragment, understood) => {
    expect(fragmentOf(parseRoute(fragment))).toBe(understood);
  });
});

describe('shortcuts', () => {
  const press = (key: string, more: object = {}) => ({
    key, code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, timeStamp: 0, isTyping: false, ...more,
  }); // prettier-ignore

  test('with Ctrl mean the same while text is typed', () => {
    expect(new ShortcutReader().read(press('k', { ctrlKey: true, isTyping: true }))).toBe('palette');
    expect(new ShortcutReader().read(press('K', { ctrlKey: true }))).toBe('palette');
  });

  test('of one letter after another go to a screen, but not while text is typed', () => {
    const reader = new ShortcutReader();
    expect(reader.read(press('g'))).toBeNull();
    expect(reader.read(press('m', { timeStamp: 500 }))).toBe('go-models');
    expect(reader.read(press('g', { isTyping: true }))).toBeNull();
    expect(reader.read(press('m', { isTyping: true }))).toBeNull();
  });

  test('whose second key comes late mean nothing', () => {
    const reader = new ShortcutReader();
    reader.read(press('g'));
    expect(reader.read(press('m', { timeStamp: 5000 }))).toBeNull();
  });

  test('are told apart by Shift and left alone with Alt', () => {
    expect(new ShortcutReader().read(press('f', { ctrlKey: true }))).toBeNull();
    expect(new ShortcutReader().read(press('F', { ctrlKey: true, shiftKey: true }))).toBe('search');
    expect(new ShortcutReader().read(press('k', { ctrlKey: true, altKey: true }))).toBeNull();
  });

  test('of digits go by the key’s place where the letter is another', () => {
    expect(new ShortcutReader().read(press('&', { ctrlKey: true, code: 'Digit1' }))).toBe('go-chat');
  });

  test('? lists them, whatever keys it takes', () => {
    expect(new ShortcutReader().read(press('?', { shiftKey: true, code: 'Slash' }))).toBe('shortcuts');
  });

  test('each have a second way, and no way means two things', () => {
    const ways = shortcuts.flatMap(({ bindings }) => bindings.map(bindingText));
    expect(new Set(ways).size).toBe(ways.length);
    for (const { bindings } of shortcuts) expect(bindings.length).toBeGreaterThan(1);
  });
});

describe('the connection to the host', () => {
  function connection(): { connection: HostConnection; ports: Port[]; host: ChatHost } {
    const host = new ChatHost();
    const ports: Port[] = [];
    const made = new HostConnection(() => {
      const [page, served] = portPair();
      serve(served, pageContract, host.handlers());
      ports.push(served);
      return Promise.resolve(page);
    });
    return { connection: made, ports, host };
  }

  test('answers calls once there is a port, and refuses them before with a sentence', async () => {
    const { connection: made } = connection();
    await expect(made.client.start({})).rejects.toMatchObject({ code: 'engine-gone' });
    await vi.waitFor(() => expect(made.state.phase).toBe('connected'));
    await expect(made.client.start({})).resolves.toMatchObject({ version: '0.1.0' });
    made.close();
  });

  test('asks for another port when one is lost, and says meanwhile that it does', async () => {
    const { connection: made, ports } = connection();
    await vi.waitFor(() => expect(made.state.phase).toBe('connected'));
    const phases: string[] = [];
    made.subscribe(() => phases.push(made.state.phase));
    const open = made.client.watch({});
    ports[0]?.close();
    await expect(open.done).rejects.toMatchObject({ code: 'engine-gone' });
    await vi.waitFor(() => expect(phases).toEqual(['reconnecting', 'connected']), 3000);
    await expect(made.client.start({})).resolves.toBeTruthy();
    made.close();
  });

  test('tries again where the host does not answer', async () => {
    let tries = 0;
    const made = new HostConnection(() => {
      tries += 1;
      if (tries < 3) return Promise.reject(new Error('Nobody there.'));
      return Promise.resolve(portPair()[0]);
    });
    await vi.waitFor(() => expect(made.state.phase).toBe('connected'), 5000);
    made.close();
  });

  test('does not try again where it was refused, and says why', async () => {
    const open = vi.fn(() => Promise.reject(new ConnectionRefused('The link was used already.')));
    const made = new HostConnection(open);
    await vi.waitFor(() =>
      expect(made.state).toEqual({ phase: 'refused', reason: 'The link was used already.' }),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(open).toHaveBeenCalledTimes(1);
    made.close();
  });
});
