import { useId, type ComponentProps, type ReactNode } from 'react';
import { classNames } from './class-names.ts';

export interface TextFieldProps extends Omit<ComponentProps<'input'>, 'prefix' | 'size'> {
  readonly label: string;
  /** Where the placeholder or the place says it already, the label is for screen readers alone. */
  readonly hidesLabel?: boolean;
  /** Before the text, such as an icon. */
  readonly prefix?: ReactNode;
  /** After the text, such as a unit. */
  readonly suffix?: ReactNode;
  /** What is wrong, in a sentence. */
  readonly error?: string | null;
  /** What it does, in a sentence. */
  readonly description?: string;
}

export function TextField({
  label,
  hidesLabel = false,
  prefix,
  suffix,
  error = null,
  description,
  className,
  id: givenId,
  ...rest
}: TextFieldProps) {
  const ownId = useId();
  const id = givenId ?? ownId;
  const notes = [error !== null && `${id}-error`, description !== undefined && `${id}-description`]
    .filter((name) => name !== false)
    .join(' ');
  return (
    <div className={classNames('grid min-w-0 content-start gap-1', className)}>
      <label htmlFor={id} className={hidesLabel ? 'sr-only' : 'text-text-muted'}>
        {label}
      </label>
      <div
        className={classNames(
          'flex h-7 min-w-0 items-center gap-2 rounded-1 border bg-surface-raised px-2 focus-within:border-focus focus-within:shadow-ring',
          error === null ? 'border-line-strong' : 'border-danger',
        )}
      >
        {prefix}
        <input
          id={id}
          aria-invalid={error !== null}
          aria-describedby={notes === '' ? undefined : notes}
          className="h-full w-full min-w-0 bg-transparent focus-visible:shadow-none"
          {...rest}
        />
        {suffix !== undefined && (
          <span className="shrink-0 text-1 whitespace-nowrap text-text-muted">{suffix}</span>
        )}
      </div>
      {error !== null && (
        <p id={`${id}-error`} role="alert" className="text-1 text-danger">
          {error}
        </p>
      )}
      {description !== undefined && (
        <p id={`${id}-description`} className="text-1 text-text-muted">
          {description}
        </p>
      )}
    </div>
  );
}
