import type { ReplyFacts } from '../../contract/chats.ts';

/** Of a reply that has not begun. */
export function factsOfNew(model: string, modelTitle: string): ReplyFacts {
  return {
    model,
    modelTitle,
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
}
