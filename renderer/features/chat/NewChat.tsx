import { useApp } from '../../app/app-context.ts';
import { Button } from '../../ui/Button.tsx';
import { useDraft } from './chat-context.ts';

const examples: readonly string[] = [
  'Explain why the sky is blue, in three sentences.',
  'Write a Python function that finds the median of a list.',
  'List five things to check before a long bicycle tour.',
];

/** A chat to come: what it will talk with, and three ways to begin. */
export function NewChat() {
  const engine = useApp((state) => state.engine);
  const [, draft] = useDraft();
  const title = engine.state === 'none' ? null : engine.title;
  return (
    <div className="grid content-center justify-items-center gap-4 p-8 text-center">
      <h2 className="text-4">New chat</h2>
      <p className="max-w-105 text-text-muted">
        {title === null ? 'Everything runs on this machine.' : `${title} runs on this machine.`} Nothing
        leaves it.
      </p>
      <ul aria-label="Examples" className="grid gap-2">
        {examples.map((example) => (
          <li key={example}>
            <Button className="w-full" onClick={() => draft.setText(example)}>
              {example}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
