/**
 * `node pack-child.ts MODEL OUT DURABLE_BYTES KILL_AT`: packs a model, and kills itself at a report of progress, counted from 1; 0: never. Prints what
 * packing gave, or the code and message of its error, and how much its memory grew.
 */
import { toLabError } from '../../electron/contract/errors.ts';
import { packModel } from '../../electron/engine/pack/pack-model.ts';
import { residentBytesNow } from '../../electron/engine/memory.ts';

const [path = '', out = '', durable = '', killAt = ''] = process.argv.slice(2);
let reports = 0;
let mostBytes = 0;
const before = residentBytesNow();
const hooks = {
  signal: new AbortController().signal,
  onProgress() {
    reports += 1;
    mostBytes = Math.max(mostBytes, residentBytesNow());
    if (reports === Number(killAt)) process.kill(process.pid, 'SIGKILL');
  },
};
const result = await packModel({ path, out, threads: 2 }, hooks, { durableBytes: Number(durable) }).then(
  (packed) => ({ packed }),
  (error: unknown) => {
    const { code, message } = toLabError(error);
    return { error: { code, message } };
  },
);
console.log(JSON.stringify({ ...result, reports, grownBytes: mostBytes - before }));
