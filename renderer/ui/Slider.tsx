import { Slider as Radix } from 'radix-ui';
import { useId } from 'react';

/** A value on a line, with its figure beside it and, where there is a limit, a tick at it. */
export function Slider({
  label,
  value,
  minimum,
  maximum,
  step,
  figure,
  limit,
  hidesLabel = false,
  onChange,
}: {
  readonly label: string;
  readonly value: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  /** The value as people read it. */
  readonly figure: string;
  /** Where the tick stands. */
  readonly limit?: number | undefined;
  readonly hidesLabel?: boolean;
  readonly onChange: (value: number) => void;
}) {
  const id = useId();
  const share = limit === undefined ? 0 : (limit - minimum) / (maximum - minimum);
  return (
    <div className="flex items-center gap-2">
      <span id={id} className={hidesLabel ? 'sr-only' : 'shrink-0 text-text-muted'}>
        {label}
      </span>
      <Radix.Root
        value={[value]}
        min={minimum}
        max={maximum}
        step={step}
        onValueChange={([next]) => {
          if (next !== undefined) onChange(next);
        }}
        className="relative flex h-4 min-w-15 flex-1 touch-none items-center"
      >
        <Radix.Track className="relative h-0.5 w-full rounded-[1px] bg-line-strong">
          <Radix.Range className="absolute h-full bg-accent" />
        </Radix.Track>
        {limit !== undefined && share >= 0 && share <= 1 && (
          <span
            aria-hidden="true"
            className="absolute top-0.5 h-3 w-px bg-text"
            style={{ left: `${share * 100}%` }}
          />
        )}
        <Radix.Thumb
          aria-labelledby={id}
          aria-valuetext={figure}
          className="block size-3.5 rounded-[7px] border-2 border-accent bg-surface-raised"
        />
      </Radix.Root>
      <span className="min-w-21 shrink-0 text-right whitespace-nowrap">{figure}</span>
    </div>
  );
}
