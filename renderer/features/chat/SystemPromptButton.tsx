import { useState } from 'react';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { TextArea } from '../../ui/TextArea.tsx';
import { PresetBar, type PresetContent } from './PresetBar.tsx';
import { useChatSettings } from './use-chat-settings.ts';

export function SystemPromptButton() {
  const { settings } = useChatSettings();
  const [isOpen, setOpen] = useState(false);
  const isSet = settings.systemPrompt.trim() !== '';
  return (
    <>
      <Button variant="quiet" size="small" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        System prompt{isSet && ': set'}
      </Button>
      {isOpen && <SystemPromptDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function SystemPromptDialog({ onClose }: { readonly onClose: () => void }) {
  const { settings, change } = useChatSettings();
  const [draft, setDraft] = useState<PresetContent>({
    systemPrompt: settings.systemPrompt,
    sampling: settings.sampling,
  });
  const save = async () => {
    await change(draft);
    onClose();
  };
  return (
    <Dialog
      title="System prompt"
      width="wide"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" onClick={() => void save()}>
            Save
          </Button>
        </>
      }
    >
      <div className="grid gap-3">
        <PresetBar draft={draft} onChosen={setDraft} />
        <TextArea
          label="What the model is told before the chat"
          description="It stands first in the context, and counts. Empty: nothing is said."
          data-first-focus
          rows={10}
          value={draft.systemPrompt}
          onChange={(event) => setDraft({ ...draft, systemPrompt: event.target.value })}
        />
        {draft.sampling !== settings.sampling && (
          <p className="text-text-muted">Saved, the preset’s sampling is this chat’s too.</p>
        )}
      </div>
    </Dialog>
  );
}
