import { useState } from 'react';
import { formatNumber } from '../../ui/format.ts';
import { TextField } from '../../ui/TextField.tsx';

/** A whole number; taken when it is one. `empty`: what nothing means, where it may be empty. */
export function NumberField({
  label,
  unit,
  value,
  least = 1,
  most,
  empty,
  onChange,
}: {
  readonly label: string;
  readonly unit: string;
  readonly value: number | null;
  readonly least?: number;
  readonly most: number;
  readonly empty?: string;
  readonly onChange: (value: number | null) => void;
}) {
  const [typed, setTyped] = useState<string | null>(null);
  const parse = (text: string): number | null | undefined => {
    const plain = text.replaceAll(/[,\s]/g, '');
    if (plain === '') return empty === undefined ? undefined : null;
    const number = Number(plain);
    return Number.isInteger(number) && number >= least && number <= most ? number : undefined;
  };
  const isWrong = typed !== null && parse(typed) === undefined;
  return (
    <TextField
      label={label}
      inputMode="numeric"
      suffix={unit}
      placeholder={empty ?? ''}
      className="w-40"
      value={typed ?? (value === null ? '' : formatNumber(value))}
      error={isWrong ? `A whole number from ${formatNumber(least)} to ${formatNumber(most)}.` : null}
      onChange={({ target }) => {
        setTyped(target.value);
        const next = parse(target.value);
        if (next !== undefined) onChange(next);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}
