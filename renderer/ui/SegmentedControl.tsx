import { ToggleGroup } from 'radix-ui';
import { classNames } from './class-names.ts';

export interface Segment<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

/** One of a few, all visible. */
export function SegmentedControl<Value extends string>({
  label,
  value,
  segments,
  onChange,
  className,
}: {
  readonly label: string;
  readonly value: Value;
  readonly segments: readonly Segment<Value>[];
  readonly onChange: (value: Value) => void;
  readonly className?: string;
}) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      onValueChange={(chosen) => {
        const segment = segments.find((candidate) => candidate.value === chosen);
        if (segment) onChange(segment.value); // '' where the chosen one was pressed again: it stays
      }}
      className={classNames('inline-flex rounded-1 border border-line-strong bg-surface-raised', className)}
    >
      {segments.map((segment, index) => (
        <ToggleGroup.Item
          key={segment.value}
          value={segment.value}
          className={classNames(
            'h-5.5 cursor-default rounded-[2px] px-2 text-1 whitespace-nowrap text-text-muted hover:bg-surface-hover hover:text-text data-[state=on]:bg-surface-inverse data-[state=on]:text-text-inverse',
            index > 0 && 'border-l border-line',
          )}
        >
          {segment.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
