/** Chat without a pause, another model each ten minutes; once a minute a text file is attached, and it notes memory, open files and how fast tokens came. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { residentBytes } from '../../electron/host/memory/resident-bytes.ts';
import { root } from '../helpers/e2e/build.ts';
import { engineOf } from '../helpers/e2e/kills.ts';
import { environmentFor, temporaryHome } from '../helpers/e2e/serve.ts';
import { runCommand } from '../helpers/project-copy.ts';
import { serve, untilReady, type PageClient, type Served } from './served.ts';
import { soakFolder, writeState, type SoakState } from './state.ts';

export const wantedMinutes = 120;
const minutesPerModel = 10;
const bundled = 'smollm2-135m-instruct';
const packFolder = join(soakFolder, 'models');
const packName = 'smollm2.retortpack';
const messagesPerChat = 20;
const replyTokens = 64;

const questions = [
  'What is the capital of France?',
  'Tell a short story about a lighthouse.',
  'Name three colours and what they are like.',
  'How does one bake bread?',
  'Why is the sky blue?',
];

/** Attached to the first message of each minute. */
const attached = {
  name: 'keeper.txt',
  text: 'The keeper of the lighthouse is called Ann. She lights the lamp at dusk. '.repeat(10),
};

/** The other model: the bundled one as a pack, which another reader opens. */
async function makePack(home: string): Promise<void> {
  if (existsSync(join(packFolder, packName))) return;
  mkdirSync(packFolder, { recursive: true });
  const args = ['electron/cli/main.ts', 'pack', bundled, '--out', join(packFolder, packName)];
  const { code, stderr } = await runCommand(process.execPath, args, { cwd: root, env: environmentFor(home) });
  if (code !== 0) throw new Error(stderr);
}

/** Goes on until all minutes are done or `isToEnd` says so. What fails is noted, and ends this run. */
export async function runChat(state: SoakState, isToEnd: () => boolean): Promise<void> {
  const { minutes } = state.chat;
  if (minutes.length >= wantedMinutes || isToEnd()) return;
  const home = temporaryHome();
  await makePack(home);
  const served = await serve({ home, modelFolders: [packFolder] });
  const run = (minutes.at(-1)?.run ?? 0) + 1;
  try {
    const pack = (await served.page.listModels({})).find(({ format }) => format === 'pack');
    if (!pack) throw new Error('The pack is not listed.');
    let last: string | null = null;
    while (minutes.length < wantedMinutes && !isToEnd()) {
      const model = Math.floor(minutes.length / minutesPerModel) % 2 === 0 ? served.bundled : pack.id;
      if (last !== null && last !== model) state.chat.swaps += 1;
      last = model;
      await untilReady(served.page, model);
      const spoken = await speakForAMinute(served.page, model, isToEnd);
      if (spoken === null) return;
      minutes.push({
        run,
        model: model === served.bundled ? 'GGUF' : 'pack',
        ...(await memoryOf(served)),
        ...spoken,
      });
      await writeState(state);
      console.log(`minute ${minutes.length}: ${JSON.stringify(minutes.at(-1))}`);
    }
  } catch (error) {
    // A terminal's Ctrl-C ends the served Retort as well.
    if (isToEnd()) return;
    state.chat.problems.push(error instanceof Error ? error.message : String(error));
    await writeState(state);
    throw error;
  } finally {
    await served.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function memoryOf({ pid }: Served) {
  return {
    hostBytes: (await residentBytes(pid)) ?? 0,
    engineBytes: (await residentBytes(engineOf(pid) ?? 0)) ?? 0,
    hostFiles: readdirSync(`/proc/${pid}/fd`).length,
  };
}

const minuteMs = 60_000;

/** Null: it was to end before the minute had. */
async function speakForAMinute(page: PageClient, model: string, isToEnd: () => boolean) {
  const waits: number[] = [];
  let replies = 0;
  let chat: { id: string; leafId: string | null } | null = null;
  for (const end = performance.now() + minuteMs; performance.now() < end; replies++) {
    if (isToEnd()) return null;
    if (chat === null || replies % messagesPerChat === 0)
      chat = { id: (await page.createChat({ title: 'Soak', maxTokens: replyTokens })).id, leafId: null };
    const text = questions[replies % questions.length] ?? '';
    const files = replies === 0 ? [attached] : [];
    const { reply } = await page.send({ chatId: chat.id, parentId: chat.leafId, text, files, model });
    const { chunks, done } = page.followReply({ replyId: reply.id, from: 0 });
    for await (const update of chunks)
      waits.push(...update.tokens.map(({ trace }) => trace.timeNs.total / 1e6));
    const { state } = await done;
    if (state !== 'complete') throw new Error(`A reply ended as ${state}.`);
    chat.leafId = reply.id;
  }
  const sorted = waits.toSorted((left, right) => left - right);
  return { replies, tokens: waits.length, p95Ms: sorted[Math.floor(sorted.length * 0.95)] ?? 0 };
}
