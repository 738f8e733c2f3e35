import { formatNumber } from '../ui/format.ts';

/** Of the button that loads a model without the budget that was chosen for it. `context` null: as it is. */
export function autoBudgetLabel({ context }: { readonly context: number | null }): string {
  const within = context === null ? '' : ` and a context of ${formatNumber(context)}`;
  return `Load with an automatic budget${within}`;
}
