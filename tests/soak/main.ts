/**
 * `npm run test:soak [-- kills|chat] [--minutes N] [--document]`: 1,000 kills, then two hours of chat; or one of them alone. What is done stands in
 * `.cache/soak/state.json` after each kill and each minute, and the next call goes on from there. Ctrl-C, or N minutes, end it after what it is at.
 * --document writes what was done so far into docs/reliability.md, and does no more.
 *
 * The state is one JSON file that names no path, so that it can be copied to another clone (state.ts has its types):
 *   version   1
 *   kills     host, engine: kills done of each; acknowledged: messages and replies told to be on disk; problems: what was lost, a sentence each;
 *             longestRestartMs; tokens: written when the replies were cut off. Seeds go on with the number of kills done.
 *   chat      minutes: one record a minute (run: number of the host process, model, hostBytes, engineBytes, hostFiles, replies, tokens, p95Ms); swaps; problems
 * Fails where something was lost or an error came.
 */
import { runKills } from './kill-cycles.ts';
import { runChat } from './long-chat.ts';
import { readOptions } from './options.ts';
import { reportLines, writeDocument } from './report.ts';
import { readState } from './state.ts';

const parts = { kills: runKills, chat: runChat };

/** Tells whether it is to end: after so many minutes, or once a person asked. */
function ending(minutes: number): () => boolean {
  const end = performance.now() + minutes * 60_000;
  let isAsked = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (isAsked = true));
  return () => isAsked || performance.now() > end;
}

const { minutes, document, chosen } = readOptions(process.argv.slice(2));
const state = readState();
if (document) writeDocument(state);
else {
  const isToEnd = ending(minutes);
  for (const name of chosen) await parts[name](state, isToEnd);
}
console.log(reportLines(state).join('\n'));
if (state.kills.problems.length + state.chat.problems.length > 0) process.exitCode = 1;
