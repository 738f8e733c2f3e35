/** `node engine-parent.ts MODEL`: has one idle engine and one that is stuck in MODEL's template, tells their ids, and waits to be killed. */
import { nodeEngineStarter } from '../../electron/host/engines/engine-starter.ts';

const [path = ''] = process.argv.slice(2);
const idle = nodeEngineStarter.start('weights');
const busy = nodeEngineStarter.start('text');
await idle.client.memory({});
await busy.client.openText({ path });
const messages = [{ role: 'user', content: 'Hello' }];
busy.client.encodeChat({ messages, addGenerationPrompt: true }).catch(() => undefined);
setTimeout(() => process.send?.([idle.pid, busy.pid]), 200);
