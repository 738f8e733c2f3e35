/** The list of models as it is shown: by place, those of other programs apart. Pure. */
import type { LoadState, PageModel } from '../../../electron/contract/machine.ts';
import { formatBytes, formatCount } from '../../ui/format.ts';

export interface ModelGroup {
  readonly place: string;
  readonly models: readonly PageModel[];
}

export interface ModelList {
  /** Model folders and what was added, in the order of the host; with Retort last. */
  readonly own: readonly ModelGroup[];
  /** Found in folders of other programs. */
  readonly found: readonly ModelGroup[];
}

export function groupModels(models: readonly PageModel[]): ModelList {
  const isBundled = (model: PageModel) => model.kind === 'bundled';
  const own = models.filter(({ kind }) => kind !== 'found');
  return {
    own: byPlace([...own.filter((model) => !isBundled(model)), ...own.filter(isBundled)]),
    found: byPlace(models.filter(({ kind }) => kind === 'found')),
  };
}

const formatNames: Readonly<Record<string, string>> = {
  gguf: 'GGUF',
  genai: 'ONNX, for onnxruntime-genai',
  transformersjs: 'ONNX, for Transformers.js',
  pack: 'Retort pack',
};

/** A format as its makers write it. */
export const formatName = (format: string): string => formatNames[format] ?? format;

function byPlace(models: readonly PageModel[]): ModelGroup[] {
  const groups = new Map<string, PageModel[]>();
  for (const model of models) {
    const group = groups.get(model.place) ?? [];
    group.push(model);
    groups.set(model.place, group);
  }
  return [...groups].map(([place, inPlace]) => ({ place, models: inPlace }));
}

/** "7 models, 41.3 GiB, used where they lie". */
export function listSummary(models: readonly PageModel[]): string {
  const bytes = models.reduce((sum, model) => sum + model.bytes, 0);
  return `${formatCount(models.length, 'model')}, ${formatBytes(bytes)}, used where they lie`;
}

/** The model that is shown where none was asked for: the one in memory, else the first that is there. */
export function defaultModel(models: readonly PageModel[], engine: LoadState): string | null {
  const inMemory = engine.state === 'none' ? undefined : models.find(({ id }) => id === engine.model);
  return (inMemory ?? models.find(({ isPresent }) => isPresent) ?? models[0])?.id ?? null;
}
