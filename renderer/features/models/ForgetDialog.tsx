import type { PageModel } from '../../../electron/contract/machine.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';

export function ForgetDialog({
  model,
  onForget,
  onClose,
}: {
  readonly model: PageModel;
  readonly onForget: () => void;
  readonly onClose: () => void;
}) {
  return (
    <Dialog
      title={`Forget ${model.title}?`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button variant="danger" onClick={onForget}>
            Forget
          </Button>
        </>
      }
    >
      <p className="text-text-muted">
        It leaves the list. No file is deleted, chats stay, and it can be added again.
      </p>
    </Dialog>
  );
}
