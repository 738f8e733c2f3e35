import { classNames } from '../ui/class-names.ts';
import { fragmentOf, type Route, type Screen } from './routes.ts';
import { shortcutText, type ShortcutAction } from './shortcuts.ts';
import { CacheIcon, ChatIcon, CompareIcon, Mark, ModelsIcon, RunsIcon, SettingsIcon } from './icons.tsx';

interface Place {
  readonly screen: Screen;
  readonly label: string;
  readonly icon: () => React.JSX.Element;
  readonly route: Route;
  readonly action: ShortcutAction;
}

const places: readonly Place[] = [
  { screen: 'chat', label: 'Chat', icon: ChatIcon, route: { screen: 'chat', chatId: null, messageId: null }, action: 'go-chat' },
  { screen: 'compare', label: 'Compare', icon: CompareIcon, route: { screen: 'compare', runId: null }, action: 'go-compare' },
  { screen: 'cache', label: 'Cache', icon: CacheIcon, route: { screen: 'cache' }, action: 'go-cache' },
  { screen: 'models', label: 'Models', icon: ModelsIcon, route: { screen: 'models', modelId: null }, action: 'go-models' },
  { screen: 'runs', label: 'Runs', icon: RunsIcon, route: { screen: 'runs', runId: null, otherId: null }, action: 'go-runs' },
  { screen: 'settings', label: 'Settings', icon: SettingsIcon, route: { screen: 'settings' }, action: 'go-settings' },
]; // prettier-ignore

/** Where one can go; `chat` is the chat that was open last. */
export function Rail({ screen, chat }: { readonly screen: Screen; readonly chat: string | null }) {
  return (
    <nav
      aria-label="Screens"
      className="flex flex-col border-r border-line bg-surface-sunken py-2 text-text-muted"
    >
      <div className="mb-1 grid h-9 place-items-center text-text">
        <Mark />
      </div>
      {places.map(({ screen: name, label, icon: Icon, route, action }) => (
        <a
          key={name}
          href={fragmentOf(route.screen === 'chat' ? { ...route, chatId: chat } : route)}
          title={`${label}: ${shortcutText(action)}`}
          aria-current={name === screen ? 'page' : undefined}
          className={classNames(
            'relative grid cursor-default justify-items-center gap-0.5 py-2 text-1 text-text-muted no-underline hover:text-text focus-visible:shadow-none focus-visible:inset-ring-2 focus-visible:inset-ring-focus',
            'aria-[current]:text-text aria-[current]:before:absolute aria-[current]:before:inset-y-2 aria-[current]:before:left-0 aria-[current]:before:w-0.5 aria-[current]:before:bg-accent aria-[current]:[&_svg]:text-accent',
            name === 'settings' && 'mt-auto',
          )}
        >
          <Icon />
          <span>{label}</span>
        </a>
      ))}
    </nav>
  );
}
