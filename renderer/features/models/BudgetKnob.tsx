import type { Fit, MemoryBudget } from '../../../electron/contract/machine.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes } from '../../ui/format.ts';
import { Slider } from '../../ui/Slider.tsx';
import { budgetSlider, wholeBudget } from './budget-steps.ts';

type Streamed = Fit & { readonly streaming: NonNullable<Fit['streaming']> };

/** How much memory a streamed model may take: a number, or what is free. */
export function BudgetKnob({
  fit,
  chosen,
  onChange,
}: {
  readonly fit: Streamed;
  readonly chosen: MemoryBudget;
  readonly onChange: (budget: MemoryBudget) => void;
}) {
  const steps = budgetSlider(fit);
  const isAuto = chosen === 'auto';
  const bytes = isAuto ? fit.streaming.memoryBudgetBytes : chosen;
  const isWhole = bytes >= wholeBudget(fit);
  return (
    <>
      <span aria-hidden="true" className="self-start text-text-muted">
        Memory budget
      </span>
      <div>
        <div className="flex items-center gap-2">
          <div className="min-w-0 flex-1">
            <Slider
              label="Memory budget"
              hidesLabel
              value={Math.round(steps.toStep(bytes))}
              minimum={0}
              maximum={steps.maximum}
              step={1}
              figure={formatBytes(bytes)}
              onChange={(step) => onChange(steps.toBudget(step))}
            />
          </div>
          <Button
            size="small"
            aria-pressed={isAuto}
            title="What is free, less the system’s part, and less again where memory gets short"
            className="aria-pressed:border-surface-inverse aria-pressed:bg-surface-inverse aria-pressed:text-text-inverse"
            onClick={() => onChange(isAuto ? Math.max(bytes, steps.toBudget(0)) : 'auto')}
          >
            auto
          </Button>
        </div>
        <p className="text-1 text-text-muted">
          at least {formatBytes(fit.streaming.minimumMemoryBudgetBytes)}
          {isWhole
            ? '; with this much all of it stays in memory'
            : `; all of it in memory takes ${formatBytes(wholeBudget(fit))}`}
        </p>
      </div>
    </>
  );
}
