import { Fragment } from 'react';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { bindingText, shortcuts } from './shortcuts.ts';

const inPlace: readonly (readonly [string, string])[] = [
  ['Send the message', 'Enter'],
  ['Break the line', 'Shift Enter'],
  ['Edit your last message (in the empty field)', '↑'],
  ['Stop the reply', 'Esc'],
];

export function ShortcutList({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Shortcuts" onClose={onClose} footer={<Button onClick={onClose}>Close</Button>}>
      <dl className="grid grid-cols-[1fr_auto] gap-x-4 gap-y-1">
        {shortcuts.map(({ action, label, bindings }) => (
          <Fragment key={action}>
            <dt>{label}</dt>
            <dd className="flex gap-1">
              {bindings.map((binding) => (
                <kbd key={bindingText(binding)}>{bindingText(binding)}</kbd>
              ))}
            </dd>
          </Fragment>
        ))}
        {inPlace.map(([label, keys]) => (
          <Fragment key={label}>
            <dt>{label}</dt>
            <dd>
              <kbd>{keys}</kbd>
            </dd>
          </Fragment>
        ))}
      </dl>
    </Dialog>
  );
}
