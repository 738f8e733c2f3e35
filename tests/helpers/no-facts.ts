import type { ReplyFacts } from '../../electron/contract/chats.ts';

/** Of a reply that has not begun. */
export const noFacts: ReplyFacts = {
  model: 'tiny',
  modelTitle: 'Tiny model',
  modelIdentity: null,
  finishReason: null,
  error: null,
  promptTokens: null,
  reusedTokens: null,
  generatedTokens: 0,
  firstTokenMs: null,
  prefillTokensPerSecond: null,
  decodeTokensPerSecond: null,
  kvBytes: null,
  seed: null,
  hasTimeline: false,
};
