/** The same tests for every transport of the page contract. */
import { expect, it } from 'vitest';
import { pageContract } from '../../electron/contract/page-contract.ts';
import type { Port } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import type { PageHost } from '../../electron/host/host.ts';
import { badCalls, noCalls } from './bad-calls.ts';
import { RawPage, startPageHost } from './page-transports.ts';

const longText = 100 * 1000 * 1000;

/** Whether a good call is still answered. */
export async function isServed(page: RawPage): Promise<boolean> {
  return (await page.call('listModelFolders', {})).ok === true;
}

export function describeTransport(open: (host: PageHost) => Promise<Port>): void {
  it('carries a command, a query and their answers unchanged', async () => {
    const client = connect(await open(await startPageHost()), pageContract);
    const title = 'Ünïcode, “quotes”, \u2028, 𝄞 and \u0000';
    const chat = await client.createChat({ title });
    expect(chat.title).toBe(title);
    expect((await client.readChat({ id: chat.id })).chat).toEqual(chat);
    expect(await client.listModelFolders({})).toEqual([]);
  });

  it('carries a stream until its reader leaves', async () => {
    const client = connect(await open(await startPageHost()), pageContract);
    const watching = client.watch({});
    const seen: string[] = [];
    for await (const event of watching.chunks) {
      seen.push(event.type);
      if (event.type === 'settings' && seen.length > 2) break;
      if (seen.length === 2) await client.changeSettings({ threads: 3 });
    }
    expect(seen.slice(0, 2)).toEqual(['engine', 'settings']);
    expect(await watching.done).toBeNull();
  });

  it('cancels a call at once', async () => {
    const client = connect(await open(await startPageHost()), pageContract);
    const controller = new AbortController();
    const watching = client.watch({}, { signal: controller.signal });
    for await (const _event of watching.chunks) controller.abort();
    expect(await watching.done).toBeNull();
    expect(await client.listModelFolders({})).toEqual([]);
  });

  it('keeps what one page asks from another of the same host', async () => {
    const host = await startPageHost();
    const [first, second] = [await open(host), await open(host)];
    const chat = await connect(first, pageContract).createChat({ title: 'Of both' });
    first.close();
    expect((await connect(second, pageContract).readChat({ id: chat.id })).chat.title).toBe('Of both');
  });

  it('answers every bad call with an error and goes on serving', async () => {
    const page = new RawPage(await open(await startPageHost()));
    expect(badCalls.length).toBeGreaterThanOrEqual(200);
    const replies = await Promise.all(badCalls.map(({ operation, input }) => page.call(operation, input)));
    const wrong = badCalls.filter((_, index) => replies[index]?.error?.code !== 'bad-request');
    expect(wrong.map(({ what }) => what)).toEqual([]);
    expect({}).not.toHaveProperty('polluted');
    expect(await isServed(page)).toBe(true);
  });

  it('names no path and no stack in an answer to a bad call', async () => {
    const page = new RawPage(await open(await startPageHost()));
    const replies = await Promise.all(badCalls.map(({ operation, input }) => page.call(operation, input)));
    const told = replies
      .map(({ error }) => error?.message ?? '')
      .filter((text) => /\n {4}at |node_modules|electron\//.test(text));
    expect(told).toEqual([]);
  });

  it.each(noCalls)('takes %s for no call', async (_what, message, isAnswered) => {
    const page = new RawPage(await open(await startPageHost()));
    if (isAnswered) {
      const { id } = message as { id: number };
      expect(await page.answered(message, id)).toMatchObject({ ok: false, error: { code: 'bad-request' } });
    } else page.send(message);
    expect(await isServed(page)).toBe(true);
  });

  it('refuses a text of 100 MB without looking at it, and the host lives', async () => {
    const host = await startPageHost();
    const port = await open(host);
    const page = new RawPage(port);
    const answer = page.call('searchChats', { query: 'x'.repeat(longText), limit: 1 });
    const closed = new Promise<'closed'>((resolve) => port.onClose(() => resolve('closed')));
    const outcome = await Promise.race([answer, closed]);
    if (outcome !== 'closed') expect(outcome.error?.message).toMatch(/larger than/);
    const next = outcome === 'closed' ? new RawPage(await open(host)) : page;
    expect(await isServed(next)).toBe(true);
  });

  it('refuses a value that is nested without end', async () => {
    const page = new RawPage(await open(await startPageHost()));
    let nested: unknown = 'x';
    for (let depth = 0; depth < 1000; depth++) nested = [nested];
    expect(await page.call('createChat', { title: nested })).toMatchObject({
      error: { code: 'bad-request' },
    });
    expect(await isServed(page)).toBe(true);
  });
}
