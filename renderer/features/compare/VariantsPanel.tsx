import { Plus, X } from 'lucide-react';
import { mostVariants } from '../../../electron/contract/compare.ts';
import type { Compute, PageModel } from '../../../electron/contract/machine.ts';
import { Button } from '../../ui/Button.tsx';
import { formatBytes } from '../../ui/format.ts';
import { IconButton } from '../../ui/IconButton.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Select } from '../../ui/Select.tsx';
import { Cell, HeadCell, Row, Table } from '../../ui/Table.tsx';
import { Letter } from './Letter.tsx';
import { PriceCells, type PricedVariant } from './PriceCells.tsx';
import {
  addVariant,
  changeVariant,
  letterOf,
  removeVariant,
  type Draft,
  type DraftVariant,
} from './draft.ts';

const retorts = { value: 'retort', label: 'automatic' } as const;
const engines = [retorts, { value: 'native', label: 'native' }, { value: 'onnx', label: 'onnx' }] as const;
const arithmetics = [
  retorts,
  { value: 'reference', label: 'reference' },
  { value: 'fast', label: 'fast' },
] as const;
const codecs = [
  retorts,
  { value: 'f32', label: 'f32' },
  { value: 'f16', label: 'f16' },
  { value: 'q8', label: 'q8' },
] as const;

type Chosen<Value> = Value extends 'retort' ? null : Value;
const chosen = <Value extends string>(value: Value): Chosen<Value> =>
  (value === retorts.value ? null : value) as Chosen<Value>;

/** What is compared, each with its price beside it. */
export function VariantsPanel({
  draft: { variants },
  models,
  priced,
}: {
  readonly draft: Draft;
  readonly models: readonly PageModel[];
  /** Null: not priced yet. */
  readonly priced: readonly (PricedVariant | null)[];
}) {
  return (
    <Panel
      title="Variants"
      aside={
        <>
          <span className="text-1 text-text-muted">
            The first is the reference: the others read its reply
          </span>
          <Button
            size="small"
            className="ml-auto"
            disabled={variants.length >= mostVariants}
            onClick={addVariant}
          >
            <Plus size={12} aria-hidden />
            Add
          </Button>
        </>
      }
      note={
        <span className="text-1 text-text-muted">
          Settings of one model can be compared as well as several models. Variants of fewer bits are made by{' '}
          <code className="font-token select-text">
            npx retort quantize MODEL --recipe q4-g32 --out FOLDER --add
          </code>
        </span>
      }
    >
      <div role="group" aria-label="Variants" tabIndex={0} className="scrollable focus-visible:shadow-ring">
        <Table aria-label="Variants">
          <thead>
            <tr>
              <HeadCell className="w-full">Model</HeadCell>
              <HeadCell>arithmetic</HeadCell>
              <HeadCell>engine</HeadCell>
              <HeadCell>KV cache</HeadCell>
              <HeadCell>memory budget</HeadCell>
              <HeadCell isFigure className="min-w-14">
                bits
              </HeadCell>
              <HeadCell isFigure className="min-w-19">
                size
              </HeadCell>
              <HeadCell isFigure className="min-w-19">
                memory
              </HeadCell>
              <HeadCell isFigure>
                predicted
                <br />
                tokens/s
              </HeadCell>
              <HeadCell>
                <span className="sr-only">Remove</span>
              </HeadCell>
            </tr>
          </thead>
          <tbody>
            {variants.map((variant, index) => (
              <VariantRow
                key={index}
                index={index}
                variant={variant}
                models={models}
                priced={priced[index] ?? null}
                canRemove={variants.length > 2}
              />
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  );
}

function VariantRow({
  index,
  variant,
  models,
  priced,
  canRemove,
}: {
  readonly index: number;
  readonly variant: DraftVariant;
  readonly models: readonly PageModel[];
  readonly priced: PricedVariant | null;
  readonly canRemove: boolean;
}) {
  const letter = letterOf(index);
  const change = (part: Partial<DraftVariant>) => changeVariant(index, part);
  const there = models.filter(({ isPresent, id }) => isPresent || id === variant.model);
  return (
    <Row className="hover:bg-transparent">
      <Cell className="h-9">
        <span className="flex items-center gap-2">
          <Letter letter={letter} />
          <span className="min-w-60 flex-1">
            <Select
              label={`Model ${letter}`}
              hidesLabel
              value={variant.model ?? ''}
              options={[
                ...(variant.model === null ? [{ value: '', label: 'Choose a model' }] : []),
                ...there.map((model) => ({ value: model.id, label: modelLabel(model, there) })),
              ]}
              onChange={(model) => change({ model: model === '' ? null : model, memoryBudget: null })}
            />
          </span>
        </span>
      </Cell>
      <Cell>
        <Setting
          name={`Arithmetic of ${letter}`}
          value={variant.arithmetic}
          options={arithmetics}
          onChange={(arithmetic) => change({ arithmetic })}
        />
      </Cell>
      <Cell>
        <Setting
          name={`Engine of ${letter}`}
          value={variant.engine}
          options={engines}
          onChange={(engine: Compute['engine']) => change({ engine })}
        />
      </Cell>
      <Cell>
        <Setting
          name={`KV cache of ${letter}`}
          value={variant.kvCodec}
          options={codecs}
          onChange={(kvCodec) => change({ kvCodec })}
        />
      </Cell>
      <Cell>
        <BudgetSetting
          letter={letter}
          variant={variant}
          model={models.find(({ id }) => id === variant.model)}
          onChange={change}
        />
      </Cell>
      <PriceCells priced={priced} />
      <Cell>
        <IconButton
          size="small"
          icon={X}
          label={`Remove ${letter}`}
          disabled={!canRemove}
          onClick={() => removeVariant(index)}
        />
      </Cell>
    </Row>
  );
}

/** Where it lies is told of those with the same title. */
function modelLabel({ id, title, place }: PageModel, all: readonly PageModel[]): string {
  const isAlone = all.every((other) => other.id === id || other.title !== title);
  return isAlone ? title : `${title} (${place})`;
}

function Setting<Value extends string>({
  name,
  value,
  options,
  onChange,
}: {
  readonly name: string;
  readonly value: Chosen<Value> | null;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly onChange: (value: Chosen<Value>) => void;
}) {
  return (
    <span className="block w-27">
      <Select
        label={name}
        hidesLabel
        value={(value ?? retorts.value) as Value}
        options={options}
        onChange={(next) => onChange(chosen(next))}
      />
    </span>
  );
}

/** Parts of the weights' size that a pack may have in memory. */
const parts = [0.25, 0.5, 0.75];

/** Only packs are streamed. */
function BudgetSetting({
  letter,
  variant: { memoryBudget },
  model,
  onChange,
}: {
  readonly letter: string;
  readonly variant: DraftVariant;
  readonly model: PageModel | undefined;
  readonly onChange: (change: Partial<DraftVariant>) => void;
}) {
  if (model?.format !== 'pack') return <span className="text-1 text-text-muted">all in memory</span>;
  const sizes = parts.map((part) => Math.round(model.bytes * part));
  const options = [
    { value: 'all', label: 'all in memory' },
    { value: 'auto', label: 'auto' },
    ...sizes.map((bytes) => ({ value: String(bytes), label: formatBytes(bytes) })),
  ];
  return (
    <span className="block w-31">
      <Select
        label={`Memory budget of ${letter}`}
        hidesLabel
        value={memoryBudget === null ? 'all' : String(memoryBudget)}
        options={options}
        onChange={(value) =>
          onChange({ memoryBudget: value === 'all' ? null : value === 'auto' ? 'auto' : Number(value) })
        }
      />
    </span>
  );
}
