import { useState } from 'react';
import { formatNumber } from '../../ui/format.ts';
import { TextField } from '../../ui/TextField.tsx';
import { parseNumberSetting, type NumberLimits } from './number-setting.ts';

export interface NumberSettingProps extends NumberLimits {
  readonly label: string;
  readonly value: number | null;
  /** What Retort chooses where nothing is typed. */
  readonly placeholder: string;
  readonly unit: string;
  readonly description: string;
  readonly onChange: (value: number | null) => void;
}

/** Taken when the field is left or Enter is pressed; what is not valid is said and not taken. */
export function NumberSetting({ value, unit, onChange, minimum, maximum, ...field }: NumberSettingProps) {
  const shown = value === null ? '' : formatNumber(value);
  const [typed, setTyped] = useState<string | null>(null);
  const parsed = parseNumberSetting(typed ?? shown, { minimum, maximum });
  const take = () => {
    if (typed === null || 'error' in parsed) return;
    setTyped(null);
    if (parsed.value !== value) onChange(parsed.value);
  };
  return (
    <TextField
      {...field}
      className="content-start"
      inputMode="numeric"
      suffix={unit}
      value={typed ?? shown}
      error={'error' in parsed ? parsed.error : null}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === 'Enter') take();
        if (event.key === 'Escape') setTyped(null);
      }}
    />
  );
}
