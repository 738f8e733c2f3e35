import { useState } from 'react';
import { copyText } from '../ipc/clipboard.ts';
import { Button } from './Button.tsx';

const confirmationMs = 1500;

export function CopyButton({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const [state, setState] = useState<'ready' | 'copied' | 'failed'>('ready');
  const copy = async () => {
    setState((await copyText(text)) ? 'copied' : 'failed');
    setTimeout(() => setState('ready'), confirmationMs);
  };
  const said = { ready: 'Copy', copied: 'Copied', failed: 'Not allowed' }[state];
  return (
    <Button
      variant="quiet"
      size="small"
      aria-label={state === 'ready' ? label : said}
      onClick={() => void copy()}
    >
      {said}
    </Button>
  );
}
