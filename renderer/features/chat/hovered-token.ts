/** The token that is pointed at, in a reply's text or in its timeline: one for the whole chat. */
import { createStore } from 'zustand/vanilla';

export interface HoveredToken {
  readonly replyId: string;
  readonly index: number;
}

export const hoveredToken = createStore<{ readonly token: HoveredToken | null }>(() => ({ token: null }));

export function hoverToken(replyId: string, index: number | null): void {
  const { token } = hoveredToken.getState();
  if (index === null) {
    if (token?.replyId === replyId) hoveredToken.setState({ token: null });
  } else if (token?.replyId !== replyId || token.index !== index) {
    hoveredToken.setState({ token: { replyId, index } });
  }
}
