/** Numbers that a person may leave to Retort. Pure. */

export interface NumberLimits {
  readonly minimum: number;
  readonly maximum: number;
}

export type ParsedNumber = { readonly value: number | null } | { readonly error: string };

/** An empty text leaves it to Retort; thousands may have commas or spaces. */
export function parseNumberSetting(text: string, { minimum, maximum }: NumberLimits): ParsedNumber {
  const digits = text.trim().replaceAll(/[,\s]/g, '');
  if (digits === '') return { value: null };
  const value = Number(digits);
  if (/^\d+$/.test(digits) && value >= minimum && value <= maximum) return { value };
  const format = (limit: number) => limit.toLocaleString('en-US');
  return { error: `A whole number from ${format(minimum)} to ${format(maximum)}, or nothing.` };
}
