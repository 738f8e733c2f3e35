import type { ReactNode } from 'react';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import type { Answer } from '../../ipc/use-answer.ts';

/** What was answered; never an empty list where it could not be read. */
export function AnswerView<Value>({
  answer,
  what,
  onRetry,
  children,
}: {
  readonly answer: Answer<Value>;
  /** Such as "The list of caches". */
  readonly what: string;
  readonly onRetry: () => void;
  readonly children: (value: Value) => ReactNode;
}) {
  if (answer === null) return <p className="px-3 pb-3 text-text-muted">Reading…</p>;
  if ('value' in answer) return children(answer.value);
  return (
    <div className="px-3 pb-3">
      <Notice
        level="error"
        title={`${what} cannot be read.`}
        actions={
          <Button size="small" onClick={onRetry}>
            Try again
          </Button>
        }
      >
        {answer.error}
      </Notice>
    </div>
  );
}
