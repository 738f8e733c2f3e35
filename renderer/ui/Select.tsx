import { ChevronDown } from 'lucide-react';
import { useId } from 'react';

/** One of a few that need not all be seen. The browser's own list. */
export function Select<Value extends string>({
  label,
  value,
  options,
  hidesLabel = false,
  onChange,
}: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly hidesLabel?: boolean;
  readonly onChange: (value: Value) => void;
}) {
  const id = useId();
  return (
    <div className="grid min-w-0 gap-1">
      <label htmlFor={id} className={hidesLabel ? 'sr-only' : 'text-text-muted'}>
        {label}
      </label>
      <span className="relative inline-flex items-center">
        <select
          id={id}
          value={value}
          onChange={(event) => {
            const option = options.find((candidate) => candidate.value === event.target.value);
            if (option) onChange(option.value);
          }}
          className="h-7 w-full appearance-none rounded-1 border border-line-strong bg-surface-raised pr-7 pl-2"
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
        <ChevronDown size={12} aria-hidden className="pointer-events-none absolute right-2 text-text-muted" />
      </span>
    </div>
  );
}
