import { useId, type ComponentProps } from 'react';
import { classNames } from './class-names.ts';

export function TextArea({
  label,
  description,
  className,
  ...rest
}: ComponentProps<'textarea'> & { readonly label: string; readonly description?: string }) {
  const id = useId();
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="text-text-muted">
        {label}
      </label>
      <textarea
        id={id}
        aria-describedby={description === undefined ? undefined : `${id}-description`}
        className={classNames(
          'scrollable w-full rounded-1 border border-line-strong bg-surface-raised px-2 py-1 focus-visible:border-focus',
          className,
        )}
        {...rest}
      />
      {description !== undefined && (
        <p id={`${id}-description`} className="text-1 text-text-muted">
          {description}
        </p>
      )}
    </div>
  );
}
