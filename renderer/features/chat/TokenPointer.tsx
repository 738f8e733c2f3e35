import { useEffect, useRef, useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { useStore } from 'zustand';
import type { ReplyToken } from '../../../electron/contract/chats.ts';
import { TokenCard } from '../timeline/TokenCard.tsx';
import { useChatActions } from './chat-context.ts';
import { hoveredToken, hoverToken } from './hovered-token.ts';

const openAfterMs = 250;
const closeAfterMs = 200;
const cardWidth = 540;

interface CardPlace {
  readonly index: number;
  readonly left: number;
  /** The card stands above the word or below it, whichever has room; never on it. */
  readonly top: number | null;
  readonly bottom: number | null;
}

function placeBeside(index: number, word: DOMRect): CardPlace {
  const left = Math.max(8, Math.min(word.left, window.innerWidth - cardWidth - 8));
  const isAbove = word.top > window.innerHeight / 2;
  return {
    index,
    left,
    top: isAbove ? null : word.bottom + 8,
    bottom: isAbove ? window.innerHeight - word.top + 8 : null,
  };
}

function tokenOf(
  target: EventTarget | null,
): { readonly index: number; readonly element: HTMLElement } | null {
  const element = target instanceof Element ? target.closest<HTMLElement>('[data-token]') : null;
  return element ? { index: Number(element.dataset['token']), element } : null;
}

/** Rings the token that is pointed at, here or in the timeline, and after a moment shows what is known of it. */
export function TokenPointer({
  replyId,
  tokens,
  children,
}: {
  readonly replyId: string;
  readonly tokens: readonly ReplyToken[];
  readonly children: ReactNode;
}) {
  const around = useRef<HTMLDivElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [card, setCard] = useState<CardPlace | null>(null);
  const { branchReply } = useChatActions();
  const hovered = useStore(hoveredToken, ({ token }) => (token?.replyId === replyId ? token.index : null));
  useEffect(() => {
    const rung = around.current?.querySelectorAll(`[data-token="${hovered ?? ''}"]`) ?? [];
    for (const element of rung) element.classList.add('token-at');
    return () => {
      for (const element of rung) element.classList.remove('token-at');
    };
  }, [hovered]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const later = (ms: number, action: () => void) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(action, ms);
  };
  const leave = () => {
    hoverToken(replyId, null);
    later(closeAfterMs, () => setCard(null));
  };
  const token = card ? tokens[card.index] : undefined;
  return (
    <div
      ref={around}
      onPointerOver={(event) => {
        const pointed = tokenOf(event.target);
        if (!pointed) return leave();
        const { index, element } = pointed;
        hoverToken(replyId, index);
        later(openAfterMs, () => setCard(placeBeside(index, element.getBoundingClientRect())));
      }}
      onPointerLeave={leave}
    >
      {children}
      {card &&
        token &&
        createPortal(
          <div
            role="dialog"
            aria-label={`Token ${card.index}`}
            onPointerOver={(event) => event.stopPropagation()}
            onPointerEnter={() => clearTimeout(timer.current)}
            onPointerLeave={leave}
            className="fixed z-40 rounded-2 border border-line-strong bg-surface-raised px-3 py-2 shadow-float"
            style={{
              width: cardWidth,
              left: card.left,
              top: card.top ?? undefined,
              bottom: card.bottom ?? undefined,
            }}
          >
            <TokenCard
              token={token}
              index={card.index}
              onBranch={(index, alternative) => {
                setCard(null);
                void branchReply(replyId, index, alternative);
              }}
            />
          </div>,
          document.body,
        )}
    </div>
  );
}
