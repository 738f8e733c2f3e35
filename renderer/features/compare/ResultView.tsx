import { useState } from 'react';
import { ErrorPanel } from './ErrorPanel.tsx';
import type { Comparison } from './result.ts';
import { ScatterPanel } from './ScatterPanel.tsx';
import { SpeedPanel } from './SpeedPanel.tsx';
import { TokenPanel } from './TokenPanel.tsx';
import { VariantPanel } from './VariantPanel.tsx';

/** All that is there of a comparison. `fileName`: what its files begin with. */
export function ResultView({
  comparison,
  fileName,
}: {
  readonly comparison: Comparison;
  readonly fileName: string;
}) {
  // The variant that is pointed at, in all charts.
  const [marked, setMarked] = useState<string | null>(null);
  return (
    <div className="grid grid-cols-[344px_minmax(0,1fr)] gap-3 wide:grid-cols-[420px_minmax(0,1fr)_400px]">
      <ScatterPanel comparison={comparison} marked={marked} fileName={fileName} />
      <VariantPanel comparison={comparison} marked={marked} onMark={setMarked} fileName={fileName} />
      <TokenPanel comparison={comparison} className="col-span-full wide:order-1" />
      <SpeedPanel comparison={comparison} fileName={fileName} className="col-span-full wide:col-span-1" />
      {comparison.weights && (
        <div className="col-span-full wide:order-2">
          <ErrorPanel comparison={comparison} weights={comparison.weights} fileName={fileName} />
        </div>
      )}
    </div>
  );
}
