import { useRef, useState } from 'react';
import { ChatTitle, type ChatSummary } from '../../../electron/contract/chats.ts';
import { fragmentOf } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { formatCount } from '../../ui/format.ts';
import { Menu } from '../../ui/Menu.tsx';
import { TextField } from '../../ui/TextField.tsx';
import { useChatActions } from './chat-context.ts';

/** A chat in the list: a link to it, and what can be done with it. */
export function ChatRow({ chat, isCurrent }: { readonly chat: ChatSummary; readonly isCurrent: boolean }) {
  const [isRenaming, setRenaming] = useState(false);
  const takesFocus = useRef(false);
  if (isRenaming) {
    const end = (isByKeyboard: boolean) => {
      takesFocus.current = isByKeyboard;
      setRenaming(false);
    };
    return <RenameField chat={chat} onEnd={end} />;
  }
  const about = [chat.modelTitle, formatCount(chat.tokens, 'token')]
    .filter((part) => part !== null)
    .join(', ');
  return (
    <div className="group relative h-full">
      <a
        ref={(link) => {
          if (takesFocus.current) link?.focus();
          takesFocus.current = false;
        }}
        href={fragmentOf({ screen: 'chat', chatId: chat.id, messageId: null })}
        aria-current={isCurrent ? 'page' : undefined}
        className="block h-full cursor-default rounded-1 px-2 py-1 text-text no-underline group-focus-within:pr-8 group-hover:pr-8 hover:bg-surface-hover aria-[current]:bg-surface-selected"
      >
        <span className="block truncate">{chat.title}</span>
        <span className="block truncate text-1 text-text-muted">{about}</span>
      </a>
      <span className="absolute top-1 right-1 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 has-[[data-state=open]]:opacity-100">
        <ChatMenu chat={chat} onRename={() => setRenaming(true)} />
      </span>
    </div>
  );
}

function ChatMenu({ chat, onRename }: { readonly chat: ChatSummary; readonly onRename: () => void }) {
  const { setPinned, remove, exportChat } = useChatActions();
  const { id, title, isPinned } = chat;
  return (
    <Menu
      trigger={
        <Button variant="quiet" size="small" aria-label={`More about ${title}`} className="w-6 px-0!">
          ⋯
        </Button>
      }
      items={[
        { label: 'Rename', onSelect: onRename },
        { label: isPinned ? 'Unpin' : 'Pin', onSelect: () => void setPinned(id, !isPinned) },
        null,
        { label: 'Export as Markdown', onSelect: () => void exportChat(id, 'markdown') },
        { label: 'Export as JSON', onSelect: () => void exportChat(id, 'json') },
        { label: 'Export as HTML', onSelect: () => void exportChat(id, 'html') },
        null,
        { label: 'Delete', isDanger: true, onSelect: () => void remove(id) },
      ]}
    />
  );
}

function RenameField({
  chat,
  onEnd,
}: {
  readonly chat: ChatSummary;
  readonly onEnd: (isByKeyboard: boolean) => void;
}) {
  const { rename } = useChatActions();
  const [title, setTitle] = useState(chat.title);
  const save = (isByKeyboard: boolean) => {
    const parsed = ChatTitle.safeParse(title);
    if (parsed.success && parsed.data !== chat.title) void rename(chat.id, parsed.data);
    onEnd(isByKeyboard);
  };
  return (
    <form
      className="py-1"
      onSubmit={(event) => {
        event.preventDefault();
        save(true);
      }}
    >
      <TextField
        label={`New name of ${chat.title}`}
        hidesLabel
        autoFocus
        maxLength={200}
        value={title}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setTitle(event.target.value)}
        onBlur={() => save(false)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          onEnd(true);
        }}
      />
    </form>
  );
}
