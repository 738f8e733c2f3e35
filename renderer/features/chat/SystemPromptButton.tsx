import { useState } from 'react';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { TextArea } from '../../ui/TextArea.tsx';
import { PresetBar } from './PresetBar.tsx';
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
  const [text, setText] = useState(settings.systemPrompt);
  const save = async () => {
    await change({ systemPrompt: text });
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
        <PresetBar onChosen={(preset) => setText(preset.systemPrompt)} draftPrompt={text} />
        <TextArea
          label="What the model is told before the chat"
          description="It stands first in the context, and counts. Empty: nothing is said."
          data-first-focus
          rows={10}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
