import { factsOfNew } from '../../electron/contract/chats.ts';

/** Of a reply that has not begun. */
export const noFacts = factsOfNew('tiny', 'Tiny model');
