import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';

/** In a browser a page sees no folders of the machine: how models come to it there. */
export function AddModelDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Add a model" onClose={onClose} footer={<Button onClick={onClose}>Close</Button>}>
      <div className="grid gap-3">
        <p>
          In a browser Retort sees no files of this machine by itself. In a terminal, add a file or a folder
          where it lies:
        </p>
        <Command text="npx retort models add PATH" />
        <p>Or name folders when you start it; every model in them is listed:</p>
        <Command text="npx retort serve --models-dir FOLDER" />
        <p className="text-1 text-text-muted">The list here changes by itself. No file is copied or moved.</p>
      </div>
    </Dialog>
  );
}

function Command({ text }: { readonly text: string }) {
  return <pre className="rounded-1 bg-surface-sunken px-3 py-2 font-token select-all">{text}</pre>;
}
