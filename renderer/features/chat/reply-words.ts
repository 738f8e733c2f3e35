/** What a reply's facts say to people. */
import type { Message, ReplyFacts, ReplyPhase } from '../../../electron/contract/chats.ts';
import { formatCount, formatNumber } from '../../ui/format.ts';

export function phaseText(phase: ReplyPhase): string {
  switch (phase.phase) {
    case 'waiting':
      return `waiting for ${phase.for}`;
    case 'reading':
      return `reading ${formatNumber(phase.done)} of ${formatCount(phase.total, 'token')}`;
    case 'writing':
      return 'writing';
  }
}

const reasons: Readonly<Record<NonNullable<ReplyFacts['finishReason']>, string>> = {
  end: 'end of turn',
  length: 'the longest reply allowed',
  stop: 'a stop string',
  context: 'the end of the context',
  cancelled: 'your request',
};

/** Why a reply ended, after "stopped at"; null: not known. */
export function stopText(facts: ReplyFacts): string | null {
  return facts.finishReason === null ? null : reasons[facts.finishReason];
}

/** Whether it ended before its model had said all. */
export function isUnfinished({ state, reply }: Message): boolean {
  return state === 'interrupted' || reply?.finishReason === 'length' || reply?.finishReason === 'cancelled';
}
