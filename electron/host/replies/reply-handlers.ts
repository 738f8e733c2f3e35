import type { PageContract } from '../../contract/page-contract.ts';
import type { Handlers } from '../../contract/rpc.ts';
import type { Services } from '../services.ts';
import { measure } from './ledger.ts';
import { promptOf } from './prompt.ts';

type Replying = 'measurePrompt' | 'send' | 'regenerate' | 'branchReply' | 'stopReply' | 'followReply';

export function replyHandlers(services: Services): Pick<Handlers<PageContract>, Replying> {
  const { replies, chats } = services;
  return {
    async measurePrompt({ chatId, parentId, model, text, files }, { signal }) {
      const chat = chatId === null ? null : (await chats.read(chatId)).chat;
      const branch = chatId === null || parentId === null ? [] : await chats.path(parentId);
      const hasDraft = text.trim() !== '' || files.length > 0;
      const prompt = promptOf(chat?.systemPrompt ?? '', branch, hasDraft ? { text, files } : null);
      return measure(services, model, prompt, signal);
    },
    send: (input, { signal }) => replies.send(input, signal),
    regenerate: ({ replyId, model }, { signal }) => replies.regenerate(replyId, model, signal),
    branchReply: ({ replyId, token, alternative }, { signal }) =>
      replies.branch(replyId, token, alternative, signal),
    stopReply({ replyId }) {
      replies.stop(replyId);
      return Promise.resolve(null);
    },
    followReply: ({ replyId, from }, { signal, emit }) => replies.follow(replyId, from, signal, emit),
  };
}
