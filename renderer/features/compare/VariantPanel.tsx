import { Download } from 'lucide-react';
import { figureCsv } from '../../charts/FigureTable.tsx';
import { useSave } from '../../charts/use-save.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';
import { Letter } from './Letter.tsx';
import { qualityNote, qualityTable, variantRows, type Comparison, type VariantRow } from './result.ts';

/** All figures of all variants. A row that is pointed at is marked in the charts. */
export function VariantPanel({
  comparison,
  marked,
  onMark,
  fileName,
}: {
  readonly comparison: Comparison;
  readonly marked: string | null;
  readonly onMark: (letter: string | null) => void;
  readonly fileName: string;
}) {
  const save = useSave();
  const file = () => ({
    fileName: `${fileName}-variants.csv`,
    mediaType: 'text/csv',
    text: figureCsv(qualityTable(comparison)),
  });
  const read = qualityNote(comparison);
  return (
    <Panel
      title="Variants"
      aside={
        <>
          <span className="truncate text-1 text-text-muted">
            {read !== null && `KL, top-1 and perplexity on ${read}`}
            {read === null &&
              (comparison.readsText
                ? 'KL on the reply, until the text is read'
                : 'KL on the reply; no text was read')}
          </span>
          <span className="ml-auto">
            <IconButton
              size="small"
              icon={Download}
              label="Save variants as CSV"
              onClick={() => void save.text(file)}
            />
          </span>
        </>
      }
      note={
        <span className="text-1 text-text-muted">
          ± to 95 %, from blocks of neighbouring tokens. KL(reference ‖ variant) over the whole vocabulary.
        </span>
      }
    >
      <div role="group" aria-label="Variants" tabIndex={0} className="scrollable focus-visible:shadow-ring">
        <Table aria-label="Variants">
          <thead>
            <tr>
              <HeadCell>Variant</HeadCell>
              <HeadCell isFigure>bits</HeadCell>
              <HeadCell isFigure>MiB</HeadCell>
              <HeadCell isFigure className="min-w-30">
                mean KL, nats
              </HeadCell>
              <HeadCell isFigure className="min-w-24">
                top-1
              </HeadCell>
              <HeadCell isFigure className="min-w-24">
                perplexity
              </HeadCell>
              <HeadCell isFigure>tokens/s</HeadCell>
              <HeadCell isFigure>first, ms</HeadCell>
              <HeadCell isFigure>peak, MiB</HeadCell>
            </tr>
          </thead>
          <tbody>
            {variantRows(comparison).map((row) => (
              <VariantLine key={row.letter} row={row} isMarked={row.letter === marked} onMark={onMark} />
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  );
}

function VariantLine({
  row,
  isMarked,
  onMark,
}: {
  readonly row: VariantRow;
  readonly isMarked: boolean;
  readonly onMark: (letter: string | null) => void;
}) {
  return (
    <Row
      className={isMarked ? 'bg-surface-selected' : undefined}
      title={row.intervals}
      onPointerEnter={() => onMark(row.letter)}
      onPointerLeave={() => onMark(null)}
    >
      <Cell className="h-10 max-w-40">
        <span className="flex items-center gap-2">
          <Letter letter={row.letter} />
          <span className="grid min-w-0">
            <span className="truncate leading-4">{row.label}</span>
            <span className="truncate text-1 leading-4 text-text-muted">{row.settings}</span>
          </span>
        </span>
      </Cell>
      <Cell isFigure>{row.bits}</Cell>
      <Cell isFigure>{row.size}</Cell>
      <Measured value={row.kl} spread={row.klSpread} />
      <Measured value={row.topOne} spread={row.topOneSpread} />
      <Measured value={row.perplexity} spread={row.perplexitySpread} />
      <Cell isFigure>{row.tokensPerSecond}</Cell>
      <Cell isFigure>{row.firstToken}</Cell>
      <Cell isFigure>{row.peak}</Cell>
    </Row>
  );
}

function Measured({ value, spread }: { readonly value: string; readonly spread: string }) {
  return (
    <Cell isFigure>
      {value} <span className="text-1 text-text-muted">{spread}</span>
    </Cell>
  );
}
