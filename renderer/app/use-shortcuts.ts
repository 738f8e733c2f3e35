import { useEffect, useEffectEvent } from 'react';
import { ShortcutReader, type ShortcutAction } from './shortcuts.ts';

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox])'))
  );
}

/** Calls `act` for every shortcut that is pressed, wherever the focus is; not while a dialog is open. */
export function useShortcuts(act: (action: ShortcutAction) => void): void {
  const onAction = useEffectEvent(act);
  useEffect(() => {
    const reader = new ShortcutReader();
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
      const { key, code, ctrlKey, metaKey, altKey, shiftKey, timeStamp } = event;
      const action = reader.read({
        key, code, ctrlKey, metaKey, altKey, shiftKey, timeStamp, isTyping: isTyping(event.target),
      }); // prettier-ignore
      if (action === null) return;
      event.preventDefault();
      onAction(action);
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}
