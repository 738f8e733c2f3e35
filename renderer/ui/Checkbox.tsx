import { Check } from 'lucide-react';
import { useId, type ReactNode } from 'react';

export function Checkbox({
  label,
  isChecked,
  onChange,
  isDisabled = false,
}: {
  readonly label: ReactNode;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
  readonly isDisabled?: boolean;
}) {
  const id = useId();
  return (
    <span className="inline-flex items-center gap-2">
      <span className="relative inline-grid size-3.5 place-items-center">
        <input
          id={id}
          type="checkbox"
          checked={isChecked}
          disabled={isDisabled}
          onChange={(event) => onChange(event.target.checked)}
          className="peer size-3.5 appearance-none rounded-[2px] border border-line-strong bg-surface-raised checked:border-accent checked:bg-accent disabled:border-line"
        />
        <Check
          size={10}
          strokeWidth={3}
          aria-hidden
          className="pointer-events-none absolute hidden text-on-accent peer-checked:block"
        />
      </span>
      <label htmlFor={id}>{label}</label>
    </span>
  );
}
