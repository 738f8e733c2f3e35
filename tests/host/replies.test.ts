import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Message, ReplyUpdate } from '../../electron/contract/chats.ts';
import { LabError, toLabError } from '../../electron/contract/errors.ts';
import type { AppEvent } from '../../electron/contract/page-contract.ts';
import { drain } from '../../electron/contract/rpc-client.ts';
import { eventually } from '../helpers/eventually.ts';
import { isAlive, isForWeights, startPageHost, type TestPageHost } from '../helpers/test-host.ts';

const model = 'smollm2-135m-instruct';
const greedy = { temperature: 0 };
type Page = TestPageHost['page'];

async function chatOf(page: Page, maxTokens = 24): Promise<string> {
  return (await page.createChat({ sampling: greedy, maxTokens })).id;
}

/** Sends and follows to the end. */
async function say(page: Page, chatId: string, parentId: string | null, text: string) {
  const { message, reply } = await page.send({ chatId, parentId, text, files: [], model });
  const updates: ReplyUpdate[] = [];
  const ended = await drain(page.followReply({ replyId: reply.id, from: 0 }), (update) => {
    updates.push(update);
  });
  return { message, ended, updates };
}

const joined = (updates: readonly ReplyUpdate[]) =>
  updates.flatMap(({ tokens }) => tokens.map(({ text }) => text)).join('');
const factsOf = ({ reply }: Message) => reply ?? expect.unreachable();

describe('a reply of the bundled model', () => {
  test('is followed token by token, is on disk at its end, and keeps its timeline', async () => {
    const { page } = await startPageHost();
    const chatId = await chatOf(page);
    const { ended, updates } = await say(page, chatId, null, 'What is the capital of France?');
    expect(ended).toMatchObject({ state: 'complete', text: 'The capital of France is Paris.' });
    expect(joined(updates)).toBe(ended.text);
    expect(updates[0]?.phase.phase).toBe('waiting');
    expect(updates.map(({ phase }) => phase.phase)).toContain('reading');
    expect(factsOf(ended)).toMatchObject({
      finishReason: 'end',
      reusedTokens: 0,
      error: null,
      hasTimeline: true,
    });
    const read = await page.readChat({ id: chatId });
    expect(read.messages.at(-1)).toEqual(ended);
    expect(read.chat).toMatchObject({ title: 'What is the capital of France?', leafId: ended.id });
    const { tokens } = await page.readTimeline({ replyId: ended.id });
    expect(tokens.map(({ text }) => text).join('')).toBe(ended.text);
    expect(tokens[0]?.trace.top).toHaveLength(10);
  });

  test('the next turn, an edit and a branch read only what comes after the common prefix, and the trace counts it', async () => {
    const { page } = await startPageHost();
    const chatId = await chatOf(page);
    const first = await say(page, chatId, null, 'What is the capital of France?');
    const before = factsOf(first.ended);
    const second = await say(page, chatId, first.ended.id, 'And of Spain?');
    const facts = factsOf(second.ended);
    const held = (before.promptTokens ?? 0) + before.generatedTokens;
    // Of the turn before, all but its last id is held, and what the template writes after a turn may differ by a token.
    expect(facts.reusedTokens).toBeGreaterThanOrEqual(held - 2);
    const { tokens, prefill } = await page.readTimeline({ replyId: second.ended.id });
    const read = [...prefill, ...tokens.map(({ trace }) => trace)].filter(({ phase }) => phase === 'prefill');
    expect(read[0]?.reused).toBe(facts.reusedTokens);
    expect(read.reduce((sum, { tokens: count }) => sum + count, 0)).toBe(
      (facts.promptTokens ?? 0) - (facts.reusedTokens ?? 0),
    );
    const edited = await say(page, chatId, first.ended.id, 'And of Italy?');
    expect(factsOf(edited.ended).reusedTokens).toBeGreaterThanOrEqual(held - 2);
    const again = await page.regenerate({ replyId: second.ended.id, model });
    const regenerated = await drain(page.followReply({ replyId: again.id, from: 0 }));
    expect(regenerated.text).toBe(second.ended.text);
    expect(regenerated.parentId).toBe(second.message.id);
    expect(factsOf(regenerated).reusedTokens).toBeGreaterThanOrEqual(held - 2);
  });

  test('an alternative goes on from there as a branch', async () => {
    const { page } = await startPageHost();
    const chatId = await chatOf(page);
    const { ended } = await say(page, chatId, null, 'What is the capital of France?');
    const { tokens } = await page.readTimeline({ replyId: ended.id });
    const other = tokens[0]?.trace.top?.[1] ?? expect.unreachable();
    const branch = await page.branchReply({ replyId: ended.id, token: 0, alternative: other.id });
    const updates: ReplyUpdate[] = [];
    const reply = await drain(page.followReply({ replyId: branch.id, from: 0 }), (update) => {
      updates.push(update);
    });
    expect(reply).toMatchObject({ state: 'complete', parentId: ended.parentId });
    expect(reply.text.startsWith(other.piece ?? '?')).toBe(true);
    expect(joined(updates)).toBe(reply.text);
    const wrong = page.branchReply({ replyId: ended.id, token: 0, alternative: 1 });
    await expect(wrong).rejects.toMatchObject({ code: 'bad-request' });
  });

  test('stop keeps what there is, and a page that joins late sees all of it', async () => {
    const { page } = await startPageHost();
    const chatId = await chatOf(page, 2000);
    const { reply } = await page.send({
      chatId,
      parentId: null,
      text: 'Count to a thousand.',
      files: [],
      model,
    });
    let seen = 0;
    const first = drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
      seen += tokens.length;
      if (seen > 20) void page.stopReply({ replyId: reply.id });
    });
    const late: ReplyUpdate[] = [];
    await eventually(() => expect(seen).toBeGreaterThan(5));
    const second = drain(page.followReply({ replyId: reply.id, from: 0 }), (update) => {
      late.push(update);
    });
    const ended = await first;
    expect(factsOf(ended)).toMatchObject({ finishReason: 'cancelled', error: null });
    expect(ended.state).toBe('complete');
    expect(await second).toEqual(ended);
    expect(joined(late)).toBe(ended.text);
  });

  test('what does not fit is refused with the count before anything is written', async () => {
    const { page } = await startPageHost();
    const chatId = await chatOf(page);
    const text = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8').repeat(8);
    const files = [{ name: 'page.md', text }];
    const ledger = await page.measurePrompt({ chatId, parentId: null, text: 'Sum up.', files, model });
    expect(ledger.fits).toBe(false);
    const largest = ledger.parts.find(({ label }) => label === 'page.md');
    expect(largest).toMatchObject({ origin: 'file', messageId: null });
    expect(ledger.parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(ledger.tokens);
    const sending = page.send({ chatId, parentId: null, text: 'Sum up.', files, model });
    const refused = await sending.catch(toLabError);
    if (!(refused instanceof LabError)) expect.unreachable();
    expect(refused.code).toBe('context-full');
    expect(refused.message).toContain(`This would be ${ledger.tokens} tokens`);
    expect(refused.message).toContain('page.md');
    expect((await page.readChat({ id: chatId })).messages).toEqual([]);
  });

  test('an engine that dies costs one reply: what it had written is kept, with the reason, and the next one works', async () => {
    const { page, engines } = await startPageHost();
    const chatId = await chatOf(page, 2000);
    const { message, reply } = await page.send({
      chatId,
      parentId: null,
      text: 'Count to a thousand.',
      files: [],
      model,
    });
    let seen = '';
    let isKilled = false;
    const ended = await drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
      seen += tokens.map(({ text }) => text).join('');
      if (seen.length < 20 || isKilled) return;
      isKilled = true;
      const engine = engines.filter(isAlive).find(isForWeights);
      process.kill(engine ?? expect.unreachable(), 'SIGKILL');
    });
    expect(ended.state).toBe('interrupted');
    expect(ended.text).toBe(seen);
    expect(factsOf(ended).error).toEqual({
      code: 'engine-gone',
      message: 'The engine process ended by signal SIGKILL. What it had written is kept.',
    });
    const next = await say(page, chatId, reply.id, 'What is the capital of France?');
    expect(next.ended.state).toBe('complete');
    expect((await page.readChat({ id: chatId })).messages.map(({ id }) => id)).toContain(message.id);
  });
});

test('a reply that the disk does not take is shown whole with the reason, and the host goes on', async () => {
  const { page, home } = await startPageHost();
  const chatId = await chatOf(page);
  const { reply } = await page.send({ chatId, parentId: null, text: 'Count to twenty.', files: [], model });
  const said: string[] = [];
  const ended = await drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
    if (said.length === 0 && tokens.length > 0) endRow(home, reply.id);
    said.push(...tokens.map(({ text }) => text));
  });
  expect(ended).toMatchObject({ state: 'interrupted', text: said.join('') });
  expect(factsOf(ended).error?.message).toMatch(/^Its end is not on disk\. /);
  const { notices } = await page.start({});
  expect(notices).toHaveLength(1);
  expect(notices[0]).toMatchObject({ level: 'error' });
  expect(notices[0]?.message).toMatch(
    /^A reply cannot be kept on disk\. .* Copy it before you end Retort\.$/,
  );
  expect((await say(page, chatId, null, 'What is the capital of France?')).ended.text).toContain('Paris');
});

test('a chat that is deleted stops its reply; brought back it has what there was', async () => {
  const { page } = await startPageHost();
  const chatId = await chatOf(page, 4000);
  const { reply } = await page.send({
    chatId,
    parentId: null,
    text: 'Count to a thousand.',
    files: [],
    model,
  });
  let isDeleted = false;
  const ended = await drain(page.followReply({ replyId: reply.id, from: 0 }), async ({ tokens }) => {
    if (isDeleted || tokens.length === 0) return;
    isDeleted = true;
    await page.deleteChat({ id: chatId });
  });
  expect(factsOf(ended).finishReason).toBe('cancelled');
  await page.restoreChat({ id: chatId });
  const { messages } = await page.readChat({ id: chatId });
  expect(messages.at(-1)).toEqual(ended);
});

test('nothing is not sent', async () => {
  const { page } = await startPageHost();
  const chatId = await chatOf(page);
  const sending = page.send({ chatId, parentId: null, text: ' \n', files: [], model });
  await expect(sending).rejects.toMatchObject({ code: 'bad-request' });
  expect((await page.readChat({ id: chatId })).messages).toEqual([]);
});

test('every page hears of a chat, its messages and the engine', async () => {
  const { page } = await startPageHost();
  const events: AppEvent[] = [];
  const leave = new AbortController();
  const watching = drain(page.watch({}, { signal: leave.signal }), (event) => {
    events.push(event);
  });
  await eventually(() => expect(events.length).toBeGreaterThanOrEqual(2));
  expect(events.map(({ type }) => type).slice(0, 2)).toEqual(['engine', 'settings']);
  const chatId = await chatOf(page, 4);
  await say(page, chatId, null, 'Hello');
  await eventually(() => expect(engineStates(events)).toContain('ready'));
  const messages = events.flatMap((event) => (event.type === 'message' ? [event.message] : []));
  expect(messages.map(({ role, state }) => `${role} ${state}`)).toEqual([
    'user complete',
    'assistant streaming',
    'assistant complete',
  ]);
  leave.abort();
  await watching.catch(() => undefined);
});

/** Ends the reply's row behind the host's back: what it writes of it is refused from now on. */
function endRow(home: string, replyId: string): void {
  const database = new DatabaseSync(join(home, 'retort.db'), { timeout: 5000 });
  database.prepare(`UPDATE messages SET state = 'interrupted' WHERE id = ?`).run(replyId);
  database.close();
}

const engineStates = (events: readonly AppEvent[]) =>
  events.flatMap((event) => (event.type === 'engine' ? [event.engine.state] : []));
