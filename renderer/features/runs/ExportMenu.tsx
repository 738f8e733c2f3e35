import { ChevronDown } from 'lucide-react';
import type { ReportFormat } from '../../../electron/contract/compare.ts';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { pictureOf } from '../../charts/picture.ts';
import { pageTheme } from '../../charts/theme.ts';
import { useSave } from '../../charts/use-save.ts';
import { useHost } from '../../ipc/host-context.ts';
import { Button } from '../../ui/Button.tsx';
import { Menu } from '../../ui/Menu.tsx';
import { runPicture } from './run-picture.ts';

const formats: readonly { readonly format: ReportFormat; readonly label: string }[] = [
  { format: 'csv', label: 'CSV' },
  { format: 'json', label: 'JSON' },
  { format: 'html', label: 'HTML, one page' },
];

/** A run as a file: a picture that is drawn here, or what the host writes. */
export function ExportMenu({ run }: { readonly run: PageRun }) {
  const { client } = useHost();
  const save = useSave();
  const picture = () => {
    const { size, draw } = runPicture(run);
    return pictureOf(size, pageTheme.current, draw);
  };
  return (
    <Menu
      trigger={
        <Button>
          Export
          <ChevronDown size={12} aria-hidden className="text-text-muted" />
        </Button>
      }
      items={[
        {
          label: 'PNG',
          onSelect: () => void save.picture(`retort-${run.kind}-${run.id.slice(0, 8)}.png`, picture),
        },
        ...formats.map(({ format, label }) => ({
          label,
          onSelect: () => void save.text(() => client.exportRun({ id: run.id, format })),
        })),
      ]}
    />
  );
}
