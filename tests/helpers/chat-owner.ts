/** `node chat-owner.ts HOME`: tells whether it owns the chats now, and keeps them until it is killed. */
import { ownChats } from '../../electron/host/chats/owner.ts';

try {
  ownChats(process.argv[2] ?? '');
  process.send?.('owns');
} catch (error) {
  process.send?.((error as Error).message);
}
setInterval(() => undefined, 1000);
