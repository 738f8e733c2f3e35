import { useVirtualizer } from '@tanstack/react-virtual';
import { Search } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import { navigate } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { Menu } from '../../ui/Menu.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { ChatRow } from './ChatRow.tsx';
import { useChat, useChatActions } from './chat-context.ts';
import { listRows } from './chat-groups.ts';
import { SearchResults } from './SearchResults.tsx';

const heights = { heading: 40, chat: 52 };

/** All chats, and the way to find one. */
export function ChatList() {
  const [query, setQuery] = useState('');
  return (
    <aside
      aria-label="Chats"
      className="grid min-h-0 grid-rows-[auto_minmax(0,1fr)] border-r border-line pt-3"
    >
      <div className="grid gap-2 px-2">
        <TextField
          id="chat-search"
          label="Search chats"
          hidesLabel
          type="search"
          placeholder="Search titles and text"
          prefix={<Search size={12} aria-hidden className="shrink-0 text-text-muted" />}
          value={query}
          maxLength={1000}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return;
            event.stopPropagation();
            setQuery('');
          }}
        />
        <div className="flex gap-1">
          <Button
            className="min-w-0 flex-1"
            onClick={() => navigate({ screen: 'chat', chatId: null, messageId: null })}
          >
            New chat
          </Button>
          <ListMenu />
        </div>
      </div>
      {query.trim() === '' ? <Rows /> : <SearchResults query={query.trim()} />}
    </aside>
  );
}

function ListMenu() {
  const { importChat } = useChatActions();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Menu
        trigger={
          <Button aria-label="More about chats" className="w-7 px-0!">
            ⋯
          </Button>
        }
        items={[{ label: 'Import a chat…', onSelect: () => input.current?.click() }]}
      />
      <input
        ref={input}
        type="file"
        accept="application/json,.json"
        hidden
        aria-label="Import a chat"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file) void file.text().then(importChat);
        }}
      />
    </>
  );
}

function Rows() {
  const chats = useChat((state) => state.chats);
  const currentId = useChat((state) => state.current?.chat.id ?? state.opening?.id ?? null);
  const rows = useMemo(() => listRows(chats, Date.now()), [chats]);
  const scrolled = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are used while drawing only
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scrolled.current,
    estimateSize: (index) => heights[rows[index]?.kind ?? 'chat'],
    getItemKey: (index) => {
      const row = rows[index];
      return row?.kind === 'chat' ? row.chat.id : `heading ${row?.label ?? index}`;
    },
    overscan: 8,
  });
  if (rows.length === 0) return <p className="px-4 py-3 text-text-muted">No chats yet.</p>;
  return (
    <div ref={scrolled} className="scrollable px-2 pb-2">
      <ul aria-label="Chats" className="relative" style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map(({ key, index, start, size }) => {
          const row = rows[index];
          if (!row) return null;
          const style = { height: size, transform: `translateY(${start}px)` };
          return row.kind === 'heading' ? (
            <li key={key} style={style} className="absolute inset-x-0 top-0">
              <h2 className="px-2 pt-4 pb-1 text-1 text-text-muted">{row.label}</h2>
            </li>
          ) : (
            <li key={key} style={style} className="absolute inset-x-0 top-0 pb-1">
              <ChatRow chat={row.chat} isCurrent={row.chat.id === currentId} />
            </li>
          );
        })}
      </ul>
    </div>
  );
}
