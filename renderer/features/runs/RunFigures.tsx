import type { ReactNode } from 'react';
import type { PageRun } from '../../../electron/contract/page-contract.ts';
import { letterOf } from '../compare/draft.ts';
import { Letter } from '../compare/Letter.tsx';
import { formatFigures } from '../../ui/format.ts';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';
import {
  comparedFigures,
  figuresOf,
  figureText,
  type ComparedFigures,
  type RunFigure,
} from './run-figures.ts';

/** Every number of a run; of a comparison, a column for each variant. */
export function RunFigures({ run }: { readonly run: PageRun }) {
  const compared = comparedFigures(run);
  if (compared) return <ComparedTable compared={compared} />;
  const figures = figuresOf(run);
  if (figures.length === 0) return <p className="p-3 text-text-muted">It left no numbers.</p>;
  return (
    <Scrolled>
      <thead>
        <tr>
          <HeadCell>Figure</HeadCell>
          <HeadCell isFigure>value</HeadCell>
          <HeadCell isFigure>between</HeadCell>
        </tr>
      </thead>
      <tbody>
        {figures.map((figure) => (
          <Row key={figure.name}>
            <Cell className="max-w-80 truncate" title={figure.name}>
              {figure.name}
            </Cell>
            <Cell isFigure>{figureText(figure.value)}</Cell>
            <Cell isFigure className="text-text-muted">
              {rangeText(figure)}
            </Cell>
          </Row>
        ))}
      </tbody>
    </Scrolled>
  );
}

function ComparedTable({ compared: { variants, rows } }: { readonly compared: ComparedFigures }) {
  return (
    <Scrolled>
      <thead>
        <tr>
          <HeadCell>Figure</HeadCell>
          {variants.map((name, index) => (
            <HeadCell key={index} isFigure>
              <span className="inline-flex items-center gap-2">
                <Letter letter={letterOf(index)} />
                {name}
              </span>
            </HeadCell>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, figures }) => (
          <Row key={name}>
            <Cell>{name}</Cell>
            {figures.map((figure, index) => (
              <Cell key={index} isFigure title={figure ? rangeText(figure) : undefined}>
                {figure && figureText(figure.value)}{' '}
                <span className="text-1 text-text-muted">{figure && spreadText(figure)}</span>
              </Cell>
            ))}
          </Row>
        ))}
      </tbody>
    </Scrolled>
  );
}

function Scrolled({ children }: { readonly children: ReactNode }) {
  return (
    <div
      role="group"
      aria-label="Figures"
      tabIndex={0}
      className="scrollable min-w-0 focus-visible:shadow-ring"
    >
      <Table aria-label="Figures">{children}</Table>
    </div>
  );
}

const rangeText = ({ low, high }: RunFigure): string =>
  low === null || high === null ? '' : `${figureText(low)} and ${figureText(high)}`;

const spreadText = ({ low, high }: RunFigure): string =>
  low === null || high === null ? '' : `± ${formatFigures((high - low) / 2, 2)}`;
