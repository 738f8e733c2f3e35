import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { drain } from '../../electron/contract/rpc-client.ts';
import { nodeEngineStarter } from '../../electron/host/engines/engine-starter.ts';
import { watchEngine } from '../../electron/host/loaded/watchdog.ts';
import { eventually } from '../helpers/eventually.ts';
import { isAlive, isForWeights, startPageHost } from '../helpers/test-host.ts';

const quietMs = 5000;
const model = 'smollm2-135m-instruct';

test('an engine that answers is left alone; one that stands still is told of once', async () => {
  const engine = nodeEngineStarter.start('text');
  onTestFinished(() => engine.kill());
  let quiet = 0;
  await engine.client.memory({});
  const stop = watchEngine(engine, quietMs, () => (quiet += 1));
  await wait(quietMs + 1500);
  expect(quiet).toBe(0);
  process.kill(engine.pid, 'SIGSTOP');
  await eventually(() => expect(quiet).toBe(1));
  await wait(2500);
  expect(quiet).toBe(1);
  stop();
});

test('Stop ends an engine that stands still, keeps what was written, and the next message is answered', async () => {
  const { page, engines } = await startPageHost();
  const { id: chatId } = await page.createChat({ sampling: { temperature: 0 } });
  const said = { chatId, parentId: null, text: 'Count to a thousand.', files: [], model };
  const { reply } = await page.send(said);
  let text = '';
  let standing = 0;
  const ended = drain(page.followReply({ replyId: reply.id, from: 0 }), ({ tokens }) => {
    text += tokens.map((token) => token.text).join('');
    if (text.length < 10 || standing !== 0) return;
    standing = engines.find((pid) => isAlive(pid) && isForWeights(pid)) ?? expect.unreachable();
    process.kill(standing, 'SIGSTOP');
    void page.stopReply({ replyId: reply.id });
  });
  const message = await ended;
  expect(message).toMatchObject({
    state: 'complete',
    text,
    reply: { finishReason: 'cancelled', error: null },
  });
  await eventually(() => expect(isAlive(standing)).toBe(false));
  const next = await page.send({ ...said, parentId: reply.id, text: 'What is the capital of France?' });
  expect((await drain(page.followReply({ replyId: next.reply.id, from: 0 }))).text).toContain('Paris');
}, 60_000);
