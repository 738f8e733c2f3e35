/** Every block format by its type. */
import type { TensorType } from '../../contract/model-source.ts';
import type { BlockLayout } from './block-layout.ts';
import { gridLayouts } from './grid-blocks.ts';
import { smallBlockLayouts } from './small-blocks.ts';
import { superBlockLayouts } from './super-blocks.ts';

const layouts: Partial<Record<TensorType, BlockLayout>> = {
  ...smallBlockLayouts,
  ...superBlockLayouts,
  ...gridLayouts,
};

/** The layout of a block format, or null for plain types and types that only safetensors or ONNX hold. */
export function blockLayout(type: TensorType): BlockLayout | null {
  return layouts[type] ?? null;
}
