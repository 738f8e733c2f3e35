import { Download } from 'lucide-react';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { figureCsv, type FigureTableData } from '../../charts/FigureTable.tsx';
import { useSave } from '../../charts/use-save.ts';
import { useHost } from '../../ipc/host-context.ts';
import { useAnswer } from '../../ipc/use-answer.ts';
import { classNames } from '../../ui/class-names.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';
import { AnswerView } from '../settings/AnswerView.tsx';
import { figureText } from './run-figures.ts';
import { changeText, differencesOf, pairRows, type PairRow } from './run-pair.ts';
import { whenText } from './run-list.ts';

/** Two runs, number by number, the older one first. */
export function RunPair({ leftId, rightId }: { readonly leftId: string; readonly rightId: string }) {
  const { client } = useHost();
  const [answer, again] = useAnswer(async (options) => {
    const pair = await Promise.all([leftId, rightId].map((id) => client.readRun({ id }, options)));
    const [left, right] = pair.sort((one, other) => one.at - other.at);
    return { left: left as PageRun, right: right as PageRun };
  });
  return (
    <AnswerView answer={answer} what="The two runs" onRetry={again}>
      {({ left, right }) => <Pair left={left} right={right} />}
    </AnswerView>
  );
}

function Pair({ left, right }: { readonly left: PageRun; readonly right: PageRun }) {
  const save = useSave();
  const rows = pairRows(left, right);
  const differences = differencesOf(left, right);
  const [before, after] = [whenText(left.at), whenText(right.at)];
  const names = before === after ? [`${before}, first`, `${after}, second`] : [before, after];
  return (
    <Panel
      title="Two runs, side by side"
      aside={
        <>
          <span className="truncate text-1 text-text-muted">
            {left.title === right.title && `${left.title} · `}differences beyond the intervals are marked
          </span>
          <span className="ml-auto">
            <IconButton
              size="small"
              icon={Download}
              label="Save both as CSV"
              onClick={() =>
                void save.text(() => ({
                  fileName: `retort-runs-${left.id.slice(0, 8)}-${right.id.slice(0, 8)}.csv`,
                  mediaType: 'text/csv',
                  text: figureCsv(pairTable(rows, names)),
                }))
              }
            />
          </span>
        </>
      }
      note={
        <p className="text-1 break-words text-text-muted">
          {differences.length === 0
            ? 'Same model, settings, machine and versions.'
            : `What differs besides: ${differences.join('; ')}`}
        </p>
      }
    >
      <div role="group" aria-label="Two runs" tabIndex={0} className="scrollable focus-visible:shadow-ring">
        <Table aria-label="Two runs">
          <thead>
            <tr>
              <HeadCell>Figure</HeadCell>
              {[left, right].map(({ id, title }, index) => (
                <HeadCell key={id} isFigure>
                  {left.title !== right.title && (
                    <span className="ml-auto block max-w-70 truncate" title={title}>
                      {title}
                    </span>
                  )}
                  {names[index]}
                </HeadCell>
              ))}
              <HeadCell isFigure>change</HeadCell>
              <HeadCell>beyond the intervals</HeadCell>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <PairLine key={row.name} row={row} />
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  );
}

function PairLine({ row: { name, left, right, change, isBeyond } }: { readonly row: PairRow }) {
  return (
    <Row>
      <Cell className="max-w-100 truncate" title={name}>
        {name}
      </Cell>
      <Cell isFigure>{left ? figureText(left.value) : ''}</Cell>
      <Cell isFigure>{right ? figureText(right.value) : ''}</Cell>
      <Cell isFigure className={classNames(isBeyond ? 'font-strong' : 'text-text-muted')}>
        {change === null ? '' : changeText(change)}
      </Cell>
      <Cell className={isBeyond ? 'text-accent' : 'text-text-muted'}>
        {isBeyond === null ? '' : isBeyond ? 'yes' : 'no'}
      </Cell>
    </Row>
  );
}

function pairTable(rows: readonly PairRow[], names: readonly string[]): FigureTableData {
  return {
    columns: ['figure', ...names, 'change', 'beyond the intervals'],
    rows: rows.map(({ name, left, right, change, isBeyond }) => [
      name,
      left ? String(left.value) : '',
      right ? String(right.value) : '',
      change === null ? '' : changeText(change),
      isBeyond === null ? '' : isBeyond ? 'yes' : 'no',
    ]),
  };
}
