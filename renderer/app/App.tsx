import { Suspense, useState } from 'react';
import { useChat } from '../features/chat/chat-context.ts';
import { Toasts } from '../ui/Toasts.tsx';
import { TooltipProvider } from '../ui/Tooltip.tsx';
import { useApp, useAppActions } from './app-context.ts';
import { CommandPalette } from './CommandPalette.tsx';
import { HostNotices } from './HostNotices.tsx';
import { Rail } from './Rail.tsx';
import { navigate, useRoute } from './routes.ts';
import { screens } from './screens.ts';
import { ScreenBoundary } from './ScreenBoundary.tsx';
import { ShortcutList } from './ShortcutList.tsx';
import type { ShortcutAction } from './shortcuts.ts';
import { StatusLine } from './StatusLine.tsx';
import { useShellCommands } from './use-shell-commands.ts';
import { useShortcuts } from './use-shortcuts.ts';

type Overlay = 'palette' | 'shortcuts' | null;

/** The frame around every screen: rail, notices, status line, and what floats above. */
export function App() {
  const route = useRoute();
  const openChat = useChat((state) => state.current?.chat.id ?? null);
  const showsInstruments = useApp((state) => state.settings.showsInstruments);
  const { changeSettings } = useAppActions();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const act = (action: ShortcutAction) => {
    switch (action) {
      case 'go-chat':
        return navigate({ screen: 'chat', chatId: openChat, messageId: null });
      case 'go-cache':
        return navigate({ screen: 'cache' });
      case 'go-compare':
        return navigate({ screen: 'compare', runId: null });
      case 'go-runs':
        return navigate({ screen: 'runs', runId: null, otherId: null });
      case 'go-models':
        return navigate({ screen: 'models', modelId: null });
      case 'go-settings':
        return navigate({ screen: 'settings' });
      case 'new-chat':
        return navigate({ screen: 'chat', chatId: null, messageId: null });
      case 'search':
        navigate({ screen: 'chat', chatId: openChat, messageId: null });
        // After the screen is there.
        return void requestAnimationFrame(() => document.getElementById('chat-search')?.focus());
      case 'instruments':
        return void changeSettings({ showsInstruments: !showsInstruments });
      case 'palette':
      case 'shortcuts':
        return setOverlay(action);
    }
  };
  useShortcuts(act);
  useShellCommands(act);
  const ScreenComponent = screens[route.screen];
  return (
    <TooltipProvider>
      <div className="grid h-full min-w-275 grid-cols-[var(--rail)_minmax(0,1fr)] grid-rows-[minmax(0,1fr)_var(--status)]">
        <Rail screen={route.screen} chat={openChat} />
        <main className="grid min-h-0 min-w-0 grid-rows-[auto_minmax(0,1fr)]">
          <HostNotices />
          <ScreenBoundary screen={route.screen}>
            <Suspense fallback={null}>
              <ScreenComponent />
            </Suspense>
          </ScreenBoundary>
        </main>
        <StatusLine onOpenPalette={() => setOverlay('palette')} />
      </div>
      {overlay === 'palette' && <CommandPalette act={act} onClose={() => setOverlay(null)} />}
      {overlay === 'shortcuts' && <ShortcutList onClose={() => setOverlay(null)} />}
      <Toasts />
    </TooltipProvider>
  );
}
