import { useEffect, useState } from 'react';
import { useApp } from '../../app/app-context.ts';
import { chartTable, csvText, joinTables } from '../../charts/chart-table.ts';
import { LiveChart, type ChartSource } from '../../charts/LiveChart.tsx';
import { useSaveCsv } from '../../charts/save-csv.ts';
import { ShowAs, type Display } from '../../charts/ShowAs.tsx';
import { classNames } from '../../ui/class-names.ts';
import { instrumentCharts, instruments, type Instruments } from './instruments.ts';
import { ProcessFigures } from './ProcessFigures.tsx';
import { streamingOf } from './weight-parts.ts';

/** The instruments beside the chat: the last minute of time, speed, keys and values, memory. Computes nothing while it is not shown. */
export function InstrumentPanel({ data = instruments }: { readonly data?: Instruments }) {
  const memory = useApp((state) => state.memory);
  const streaming = useApp(({ engine }) => streamingOf(engine));
  const [display, setDisplay] = useState<Display>('chart');
  const [all] = useState(() =>
    instrumentCharts.map(({ title, isOfFlash = false, select }) => ({
      title,
      isOfFlash,
      source: data.source(select),
    })),
  );
  const charts = all.filter(({ isOfFlash }) => !isOfFlash || streaming !== null);
  const save = useSaveCsv();
  useEffect(() => {
    if (memory) data.addMemory(memory, streaming);
  }, [data, memory, streaming]);
  return (
    <aside
      aria-label="Instruments"
      className="flex h-full min-h-0 min-w-0 flex-col border-l border-line bg-surface px-4 py-2"
    >
      <div className="flex min-h-7 items-center gap-2">
        <h2 className="font-strong">Instruments</h2>
        <span className="text-1 whitespace-nowrap text-text-muted">last 60 s</span>
        <span className="ml-auto flex items-center gap-2">
          <ShowAs
            label="Show as"
            saveLabel="Save all as CSV"
            drawing="charts"
            display={display}
            onSave={() => void save('instruments', allAsCsv(charts))}
            onChange={setDisplay}
          />
        </span>
      </div>
      <div className="scrollable flex min-h-0 flex-1 flex-col">
        {charts.map(({ title, source }, index) => (
          <LiveChart
            key={title}
            title={title}
            source={source}
            display={display}
            hasFoot={index === charts.length - 1}
            onSave={(name, csv) => void save(name, csv)}
            // Drawings share what legends leave: all are equally high, whatever stands beneath them.
            className={classNames(
              display === 'chart' ? 'flex-auto' : 'min-h-36! flex-1',
              'border-t border-line first-of-type:border-t-0',
            )}
          />
        ))}
      </div>
      <ProcessFigures memory={memory} />
    </aside>
  );
}

function allAsCsv(charts: readonly { readonly title: string; readonly source: ChartSource }[]): string {
  return csvText(
    joinTables(charts.map(({ title, source }) => ({ title, table: chartTable(source.read()) }))),
  );
}
