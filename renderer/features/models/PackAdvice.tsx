import { CopyButton } from '../../ui/CopyButton.tsx';
import { Notice } from '../../ui/Notice.tsx';

/** A model that is too large and no pack: what makes it one that can be streamed. */
export function PackAdvice({ command }: { readonly command: string }) {
  return (
    <Notice
      level="info"
      title="It can be streamed from flash once it is a pack."
      actions={<CopyButton text={command} label="Copy the command" />}
    >
      <p>Make one in a terminal, where the model lies, and add it here. Its results are the same bits.</p>
      <code className="block py-1 font-token break-all text-text select-all">{command}</code>
    </Notice>
  );
}
