import { expect, it } from 'vitest';
import type { MessagePortMain } from 'electron';
import { HostKeeper } from '../../electron/main/host-process/host-keeper.ts';
import type { HostEnd, HostProcess } from '../../electron/main/host-process/host.ts';
import { RestartLimit } from '../../electron/main/restart-limit.ts';

it('one restart is allowed in ten seconds', () => {
  let now = 0;
  const limit = new RestartLimit(() => now);
  const allowedAt = [0, 1, 9_999, 10_000, 10_001, 25_000].map((time) => {
    now = time;
    return limit.allow();
  });
  expect(allowedAt).toEqual([true, false, false, true, false, true]);
});

interface FakeHost extends HostProcess {
  end(end: HostEnd): void;
  readonly pages: MessagePortMain[];
}

/** A process that ends when the test says so. */
function fakeHost(pid: number): FakeHost {
  let end: (end: HostEnd) => void = () => undefined;
  const ended = new Promise<HostEnd>((resolve) => (end = resolve));
  const pages: MessagePortMain[] = [];
  return {
    pid,
    ended,
    pages,
    end: (how) => end(how),
    servePage(port) {
      pages.push(port);
      return () => void pages.splice(pages.indexOf(port), 1);
    },
    grant: (path) => Promise.resolve(`${pid}-${path}`),
    close() {
      end({ reason: 'closed', failure: null });
      return Promise.resolve();
    },
  };
}

const killed: HostEnd = { reason: 'signal SIGKILL', failure: null };
const settle = () => new Promise((resolve) => setTimeout(resolve, 10));
const port = () => ({ close: () => undefined }) as unknown as MessagePortMain;

function keep(answer = true) {
  const hosts: FakeHost[] = [];
  const said: string[] = [];
  const keeper = new HostKeeper({
    start: () => {
      const host = fakeHost(hosts.length + 1);
      hosts.push(host);
      return host;
    },
    onFailure: (message) => void said.push(`failed: ${message}`),
    askToRestart: (reason) => {
      said.push(`asked: ${reason}`);
      return Promise.resolve(answer);
    },
  });
  return { keeper, hosts, said };
}

it('a host that ended is started again, and its pages are told', async () => {
  const { keeper, hosts, said } = keep();
  let told = 0;
  keeper.servePage(port(), () => (told += 1));
  hosts[0]?.end(killed);
  await settle();
  expect({ told, pid: keeper.pid, said }).toEqual({ told: 1, pid: 2, said: [] });
  expect(await keeper.grant('x')).toBe('2-x');
});

it('a page that was left is not told', async () => {
  const { keeper, hosts } = keep();
  let told = 0;
  const leave = keeper.servePage(port(), () => (told += 1));
  leave();
  hosts[0]?.end(killed);
  await settle();
  expect(told).toBe(0);
});

it('a second end soon after is a person’s decision', async () => {
  for (const answer of [true, false]) {
    const { keeper, hosts, said } = keep(answer);
    hosts[0]?.end(killed);
    await settle();
    hosts[1]?.end(killed);
    await settle();
    expect(said).toEqual(['asked: signal SIGKILL']);
    expect(keeper.pid).toBe(answer ? 3 : undefined);
  }
});

it('without a host a page is told at once and nothing is granted', async () => {
  const { keeper, hosts } = keep(false);
  hosts[0]?.end(killed);
  await settle();
  hosts[1]?.end(killed);
  await settle();
  let told = 0;
  keeper.servePage(port(), () => (told += 1));
  expect(told).toBe(1);
  await expect(keeper.grant('x')).rejects.toThrow('not running');
});

it('a host that cannot begin is not started again', async () => {
  const { keeper, hosts, said } = keep();
  hosts[0]?.end({ reason: 'exit code 1', failure: 'Another Retort has the chats open.' });
  await settle();
  expect(said).toEqual(['failed: Another Retort has the chats open.']);
  expect(keeper.pid).toBeUndefined();
});

it('a host that was closed stays closed', async () => {
  const { keeper, hosts, said } = keep();
  await keeper.close();
  await settle();
  expect([hosts.length, said]).toEqual([1, []]);
});
