/** Every shortcut, once: what the list shows is what the keys do. */

export type ShortcutAction =
  | 'go-chat' | 'go-compare' | 'go-cache' | 'go-models' | 'go-runs' | 'go-settings'
  | 'palette' | 'instruments' | 'new-chat' | 'search' | 'shortcuts'; // prettier-ignore

/** Keys as KeyboardEvent.key has them, in lower case. `mod`: with Ctrl, on a Mac with Cmd. Several keys: one after the other. */
interface Binding {
  readonly mod: boolean;
  readonly shift: boolean;
  readonly keys: readonly string[];
}

export interface Shortcut {
  readonly action: ShortcutAction;
  readonly label: string;
  /** The later ones serve where a browser keeps the first to itself. */
  readonly bindings: readonly Binding[];
}

const mod = (key: string): Binding => ({ mod: true, shift: false, keys: [key] });
const modShift = (key: string): Binding => ({ mod: true, shift: true, keys: [key] });
const plain = (...keys: string[]): Binding => ({ mod: false, shift: false, keys });

export const shortcuts: readonly Shortcut[] = [
  { action: 'go-chat', label: 'Go to Chat', bindings: [mod('1'), plain('g', 'c')] },
  { action: 'go-compare', label: 'Go to Compare', bindings: [mod('2'), plain('g', 'p')] },
  { action: 'go-cache', label: 'Go to Cache', bindings: [mod('3'), plain('g', 'a')] },
  { action: 'go-models', label: 'Go to Models', bindings: [mod('4'), plain('g', 'm')] },
  { action: 'go-runs', label: 'Go to Runs', bindings: [mod('5'), plain('g', 'r')] },
  { action: 'go-settings', label: 'Go to Settings', bindings: [mod('6'), plain('g', 's')] },
  { action: 'palette', label: 'Open the command palette', bindings: [mod('k'), plain('g', 'k')] },
  { action: 'instruments', label: 'Show or hide the instruments', bindings: [mod('i'), plain('g', 'i')] },
  { action: 'new-chat', label: 'New chat', bindings: [mod('n'), plain('g', 'n')] },
  { action: 'search', label: 'Search chats', bindings: [modShift('f'), plain('/')] },
  { action: 'shortcuts', label: 'List the shortcuts', bindings: [plain('?'), mod('/')] },
];

export const isMac = (): boolean => navigator.platform.startsWith('Mac');

/** "Ctrl K", on a Mac "⌘ K"; a sequence as "g then c". */
export function bindingText({ mod: withMod, shift, keys }: Binding): string {
  if (!withMod) return keys.join(' then ');
  const modifiers = [isMac() ? '⌘' : 'Ctrl', ...(shift ? ['Shift'] : [])];
  return [...modifiers, ...keys.map((key) => key.toUpperCase())].join(' ');
}

export function shortcutText(action: ShortcutAction): string {
  const binding = shortcuts.find((shortcut) => shortcut.action === action)?.bindings[0];
  return binding ? bindingText(binding) : '';
}

const sequenceMs = 1500;

type Press = Pick<
  KeyboardEvent,
  'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'timeStamp'
> & { readonly isTyping: boolean };

/** Digits by their place too: on some keyboards they need Shift. */
function matches(press: Press, key: string): boolean {
  return press.key.toLowerCase() === key || press.code === `Digit${key}`;
}

/** Tells which action a press of a key means. Remembers the first key of a sequence for a moment. */
export class ShortcutReader {
  #first: { readonly key: string; readonly at: number } | null = null;

  read(press: Press): ShortcutAction | null {
    const hasMod = isMac() ? press.metaKey : press.ctrlKey;
    const hasOther = press.altKey || (isMac() ? press.ctrlKey : press.metaKey);
    if (hasOther) return null;
    const first = this.#first && press.timeStamp - this.#first.at < sequenceMs ? this.#first.key : null;
    this.#first = null;
    // Plain keys mean themselves where text is typed.
    if (!hasMod && press.isTyping) return null;
    const found = shortcuts.find(({ bindings }) =>
      bindings.some((binding) => {
        if (binding.mod !== hasMod) return false;
        if (binding.mod && binding.shift !== press.shiftKey) return false;
        const [one, two] = binding.keys;
        return two === undefined
          ? one !== undefined && first === null && matches(press, one)
          : one === first && matches(press, two);
      }),
    );
    if (!found && !hasMod && press.key.length === 1) this.#first = { key: press.key, at: press.timeStamp };
    return found?.action ?? null;
  }
}
