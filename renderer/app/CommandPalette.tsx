import { Command } from 'cmdk';
import { useMemo, useState } from 'react';
import { useChat } from '../features/chat/chat-context.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { nameFilter } from '../ui/name-filter.ts';
import { useApp, useAppActions } from './app-context.ts';
import { navigate } from './routes.ts';
import { shortcuts, shortcutText, type ShortcutAction } from './shortcuts.ts';

interface PaletteEntry {
  readonly id: string;
  readonly group: string;
  readonly label: string;
  readonly shortcut?: string;
  readonly run: () => void;
}

/** The chats that a search through them is better for are left out. */
const mostChats = 200;

function useEntries(act: (action: ShortcutAction) => void): readonly PaletteEntry[] {
  const chats = useChat((state) => state.chats);
  const models = useApp((state) => state.models);
  const { changeSettings, loadModel, unloadModel } = useAppActions();
  return useMemo(() => {
    const actions = shortcuts
      .filter(({ action }) => action !== 'palette')
      .map(({ action, label }) => ({
        id: action,
        group: 'Actions',
        label,
        shortcut: shortcutText(action),
        run: () => act(action),
      }));
    const themes = (['system', 'light', 'dark'] as const).map((theme) => ({
      id: `theme-${theme}`,
      group: 'Settings',
      label: theme === 'system' ? 'Theme as the system' : `Theme ${theme}`,
      run: () => void changeSettings({ theme }),
    }));
    const loads = (models ?? []).map(({ id, title, place }) => ({
      id: `model-${id}`,
      group: 'Models',
      label: `Load ${title} (${place})`,
      run: () => void loadModel(id).catch(() => undefined),
    }));
    const unload = {
      id: 'unload',
      group: 'Models',
      label: 'Unload the model',
      run: () => void unloadModel(),
    };
    const open = chats.slice(0, mostChats).map(({ id, title }) => ({
      id: `chat-${id}`,
      group: 'Chats',
      label: title,
      run: () => navigate({ screen: 'chat', chatId: id, messageId: null }),
    }));
    return [...actions, ...themes, ...loads, unload, ...open];
  }, [act, changeSettings, chats, loadModel, models, unloadModel]);
}

/** Every action, model, chat and setting by its name. */
export function CommandPalette({
  act,
  onClose,
}: {
  readonly act: (action: ShortcutAction) => void;
  readonly onClose: () => void;
}) {
  const entries = useEntries(act);
  const [query, setQuery] = useState('');
  const groups = [...new Set(entries.map(({ group }) => group))];
  return (
    <Dialog title="Commands" width="wide" onClose={onClose}>
      <Command label="Commands" loop filter={nameFilter} className="grid gap-1">
        <Command.Input
          data-first-focus
          value={query}
          onValueChange={setQuery}
          placeholder="Type a command, a model or a chat"
          className="h-8 w-full rounded-1 border border-line-strong bg-surface-raised px-2"
        />
        <Command.List className="scrollable max-h-90">
          <Command.Empty className="px-3 py-2 text-text-muted">Nothing has that name.</Command.Empty>
          {groups.map((group) => (
            <Command.Group
              key={group}
              heading={group}
              className="[&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-1 [&_[cmdk-group-heading]]:text-text-muted"
            >
              {entries
                .filter((entry) => entry.group === group)
                .map(({ id, label, shortcut, run }) => (
                  <Command.Item
                    key={id}
                    value={id}
                    keywords={[label]}
                    onSelect={() => {
                      onClose();
                      run();
                    }}
                    className="flex h-7 cursor-default items-center gap-2 px-3 data-[selected=true]:bg-surface-selected"
                  >
                    <span className="truncate">{label}</span>
                    {shortcut !== undefined && <kbd className="ml-auto">{shortcut}</kbd>}
                  </Command.Item>
                ))}
            </Command.Group>
          ))}
        </Command.List>
      </Command>
    </Dialog>
  );
}
