import { Download } from 'lucide-react';
import { IconButton } from '../ui/IconButton.tsx';
import { SegmentedControl } from '../ui/SegmentedControl.tsx';

export type Display = 'chart' | 'table';

/** Saves the figures of a drawing, and shows them as a table in its place. */
export function ShowAs({
  label,
  saveLabel,
  drawing = 'chart',
  display,
  onSave,
  onChange,
}: {
  readonly label: string;
  readonly saveLabel: string;
  /** What the drawing is called. */
  readonly drawing?: string;
  readonly display: Display;
  readonly onSave: () => void;
  readonly onChange: (display: Display) => void;
}) {
  return (
    <>
      <IconButton size="small" icon={Download} label={saveLabel} onClick={onSave} />
      <SegmentedControl
        label={label}
        value={display}
        segments={[
          { value: 'chart', label: drawing },
          { value: 'table', label: 'table' },
        ]}
        onChange={onChange}
      />
    </>
  );
}
