import { useEffect } from 'react';
import { useApp, useAppActions } from '../../app/app-context.ts';
import { shortcutText } from '../../app/shortcuts.ts';
import { Button } from '../../ui/Button.tsx';
import { SegmentedControl, type Segment } from '../../ui/SegmentedControl.tsx';
import { streamingOf } from '../instruments/weight-parts.ts';
import { useChat, useChatActions } from './chat-context.ts';
import type { TintMode } from './chat-state.ts';
import { tellsStalls } from './markdown/tint.ts';
import { leavesOf, type BranchEntry } from './message-tree.ts';
import { ModelPicker } from './ModelPicker.tsx';

const tints: readonly Segment<TintMode>[] = [
  { value: 'none', label: 'none' },
  { value: 'probability', label: 'probability' },
  { value: 'time', label: 'time' },
];
const flashTint: Segment<TintMode> = { value: 'flash', label: 'flash stall' };

/** Stalls can be shown where the model in memory is streamed, or a reply of the chat was. */
function useTints(): typeof tints {
  const isStreamed = useApp(({ engine }) => streamingOf(engine) !== null);
  const hasStalls = useChat(
    ({ tint, timelines }) =>
      tint === 'flash' || [...timelines.values()].some(({ tokens }) => tellsStalls(tokens)),
  );
  return isStreamed || hasStalls ? [...tints, flashTint] : tints;
}

/** "branch 2 of 3" where the chat has several. */
function BranchPlace({ branch }: { readonly branch: readonly BranchEntry[] }) {
  const messages = useChat((state) => state.current?.messages);
  const leafId = branch.at(-1)?.message.id;
  if (!messages || leafId === undefined) return null;
  const leaves = leavesOf(messages);
  if (leaves.length < 2) return null;
  return (
    <span className="text-1 whitespace-nowrap text-text-muted">
      branch {leaves.indexOf(leafId) + 1} of {leaves.length}
    </span>
  );
}

export function ChatHeader({ branch }: { readonly branch: readonly BranchEntry[] }) {
  const title = useChat((state) => state.current?.chat.title ?? 'New chat');
  const tint = useChat((state) => state.tint);
  const shownTints = useTints();
  const { setTint } = useChatActions();
  const showsInstruments = useApp((state) => state.settings.showsInstruments);
  const { changeSettings } = useAppActions();
  useEffect(() => {
    document.title = `${title} – Retort`;
    return () => {
      document.title = 'Retort';
    };
  }, [title]);
  return (
    <header className="flex h-(--bar) min-w-0 items-center gap-3 border-b border-line px-4">
      <h1 className="min-w-0 truncate text-3 font-strong">{title}</h1>
      <BranchPlace branch={branch} />
      <span className="ml-auto flex items-center gap-2">
        <span className="text-1 whitespace-nowrap text-text-muted">Tint tokens by</span>
        <SegmentedControl label="Tint tokens by" value={tint} segments={shownTints} onChange={setTint} />
      </span>
      <ModelPicker />
      <Button
        variant="quiet"
        title={shortcutText('instruments')}
        aria-pressed={showsInstruments}
        onClick={() => void changeSettings({ showsInstruments: !showsInstruments })}
      >
        Instruments
      </Button>
    </header>
  );
}
