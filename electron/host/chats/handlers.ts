import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';

type Chatting =
  | 'createChat' | 'readChat' | 'changeChat' | 'deleteChat' | 'restoreChat' | 'searchChats' | 'exportChat' | 'importChat'
  | 'readTimeline'; // prettier-ignore

export function chatHandlers({ chats }: Pick<Services, 'chats'>): Pick<Handlers<PageContract>, Chatting> {
  return {
    createChat: (change) => chats.create(change),
    readChat: ({ id }) => chats.read(id),
    changeChat: ({ id, change }) => chats.change(id, change),
    async deleteChat({ id }) {
      await chats.delete(id);
      return null;
    },
    restoreChat: ({ id }) => chats.restore(id),
    searchChats: ({ query, limit }) => chats.search(query, limit),
    exportChat: ({ id, format }) => chats.export(id, format),
    importChat: ({ text }) => chats.import(text),
    readTimeline: ({ replyId }) => chats.readTimeline(replyId),
  };
}
