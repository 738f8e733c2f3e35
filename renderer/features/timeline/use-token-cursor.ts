/** The one cursor, for a reply: what is pointed at here is marked in the live charts, and what is pointed at there is marked here. */
import { useEffect, useEffectEvent } from 'react';
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import {
  cursor,
  cursorToken,
  isSameToken,
  leaveCursor,
  pointAt,
  type CursorToken,
} from '../../charts/cursor.ts';

function indexOf(tokens: readonly ReplyToken[], token: CursorToken | null): number | null {
  if (!token) return null;
  const index = tokens.findIndex(({ trace }) => isSameToken(cursorToken(trace), token));
  return index < 0 ? null : index;
}

export function useTokenCursor(
  tokens: readonly ReplyToken[],
  hovered: number | null,
  onHover: (index: number | null) => void,
): void {
  const tell = useEffectEvent(() => {
    const here = cursor.getState().token;
    const token = hovered === null ? undefined : tokens[hovered];
    if (token && !isSameToken(here, cursorToken(token.trace))) pointAt({ token: cursorToken(token.trace) });
    if (hovered === null && indexOf(tokens, here) !== null) leaveCursor();
  });
  const take = useEffectEvent((here: CursorToken | null) => {
    const index = indexOf(tokens, here);
    if (index !== hovered) onHover(index);
  });
  useEffect(() => tell(), [hovered]);
  useEffect(
    () =>
      cursor.subscribe(({ token }, before) => {
        if (!isSameToken(token, before.token)) take(token);
      }),
    [],
  );
}
