import { Download } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { IconButton } from '../ui/IconButton.tsx';
import { Menu } from '../ui/Menu.tsx';
import { Panel } from '../ui/Panel.tsx';
import { SegmentedControl } from '../ui/SegmentedControl.tsx';
import type { Size } from './draw-chart.ts';
import { figureCsv, FigureTable, type FigureTableData } from './FigureTable.tsx';
import { pictureOf, type Draw } from './picture.ts';
import { pageTheme } from './theme.ts';
import { useSave } from './use-save.ts';

/** A chart with its numbers as a table, each of which can be saved. */
export function ChartPanel({
  title,
  fileName,
  aside,
  note,
  table,
  picture,
  children,
  className,
}: {
  readonly title: string;
  /** Without its ending. */
  readonly fileName: string;
  readonly aside?: ReactNode;
  readonly note?: ReactNode;
  readonly table: FigureTableData;
  readonly picture: { readonly size: Size; readonly draw: Draw };
  /** The chart. */
  readonly children: ReactNode;
  readonly className?: string;
}) {
  const [display, setDisplay] = useState<'chart' | 'table'>('chart');
  const save = useSave();
  const items = [
    {
      label: 'PNG',
      onSelect: () =>
        void save.picture(`${fileName}.png`, () => pictureOf(picture.size, pageTheme.current, picture.draw)),
    },
    {
      label: 'CSV',
      onSelect: () =>
        void save.text(() => ({
          fileName: `${fileName}.csv`,
          mediaType: 'text/csv',
          text: figureCsv(table),
        })),
    },
  ];
  return (
    <Panel
      title={title}
      className={className ?? ''}
      note={note}
      aside={
        <>
          {aside}
          <span className="ml-auto flex items-center gap-1">
            <SegmentedControl
              label={`Show ${title} as`}
              value={display}
              segments={[
                { value: 'chart', label: 'chart' },
                { value: 'table', label: 'table' },
              ]}
              onChange={setDisplay}
            />
            <Menu
              trigger={<IconButton size="small" icon={Download} label={`Save ${title}`} />}
              items={items}
            />
          </span>
        </>
      }
    >
      {display === 'chart' ? children : <FigureTable label={`${title}, table`} data={table} />}
    </Panel>
  );
}
