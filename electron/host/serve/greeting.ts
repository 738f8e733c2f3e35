/** The first message of a page's WebSocket and its answer. */
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { BrowserWelcome } from '../../contract/shell.ts';
import type { Admission } from './admission.ts';
import { parseJson } from './socket-port.ts';

const secret = z.string().max(200);
const Greeting = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('code'), code: secret }),
  z.strictObject({ type: z.literal('key'), key: secret }),
]);

const longestGreetingBytes = 1024;
const greetingLimitMs = 10_000;
/** WebSocket's own code for who may not. */
const policyViolation = 1008;

const newLink = 'Press Enter in the terminal where Retort runs for a new link.';

/** Calls `admit` once the page has shown a code or a key; else tells it why not and ends the connection. */
export function greet(socket: WebSocket, admission: Admission, admit: () => void): void {
  const timer = setTimeout(() => socket.close(policyViolation, 'No greeting came.'), greetingLimitMs);
  socket.once('close', () => clearTimeout(timer));
  socket.once('message', (data, isBinary) => {
    clearTimeout(timer);
    const answer = judge(data, isBinary, admission);
    socket.send(JSON.stringify(answer));
    if (answer.type === 'welcome') admit();
    else socket.close(policyViolation, 'Not admitted.');
  });
}

function judge(data: RawData, isBinary: boolean, admission: Admission): BrowserWelcome {
  const isShort = !isBinary && (data as Buffer).length <= longestGreetingBytes;
  const greeting = Greeting.safeParse(isShort ? parseJson(data) : undefined).data;
  if (!greeting) return refused('The first message is neither a code nor a key.');
  if (greeting.type === 'key') {
    const isKnown = admission.isKey(greeting.key);
    if (isKnown) return { type: 'welcome', key: greeting.key };
    return refused(`This tab belongs to a Retort that has ended. ${newLink}`);
  }
  const key = admission.trade(greeting.code);
  if (key !== null) return { type: 'welcome', key };
  return refused(`This link was used before, or it is another Retort’s. ${newLink}`);
}

function refused(reason: string): BrowserWelcome {
  return { type: 'refused', reason };
}
