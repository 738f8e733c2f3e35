import { resolve } from 'node:path';
import type { QuantizeResult } from '../../contract/lab-results.ts';
import type { Command } from '../command.ts';
import { byteText } from '../output.ts';
import { jsonOption, modelFrom } from '../shared-options.ts';
import { followWork } from '../work.ts';

export const quantize: Command = {
  name: 'quantize',
  summary: 'Round a model’s linear layers to fewer bits: a pack, and a folder that onnxruntime runs.',
  usage: ['quantize MODEL --recipe RECIPE --out DIR', 'quantize MODEL --recipe RECIPE --out DIR --estimate'],
  options: {
    recipe: {
      value: 'R',
      help: 'q2, q4 or q8, then -g16 to -g256 (columns that share a scale, -g32 where not named), then -zp (zero points)',
    },
    out: {
      value: 'DIR',
      help: 'folder for the variants; a run that was stopped goes on by the same command',
    },
    format: { value: 'F', help: 'pack, onnx or both (default: both)' },
    arithmetic: {
      value: 'A',
      help: 'of the ONNX folder. reference (default): float32; fast: 8-bit activations',
    },
    estimate: { help: 'say what would be made and how large, and make nothing' },
    add: { help: 'name the variants in the library too' },
    threads: { value: 'T', help: 'threads (default: all processors)' },
    ...jsonOption,
  },

  async run(given, { client, signal, output }) {
    const [model] = given.exactly('MODEL');
    const format = given.oneOf('format', ['pack', 'onnx', 'both']) ?? 'both';
    const input = {
      model: modelFrom(model),
      recipe: given.required('recipe'),
      out: resolve(given.required('out')),
      formats: format === 'both' ? (['pack', 'onnx'] as const).slice() : [format],
      arithmetic: given.oneOf('arithmetic', ['reference', 'fast']) ?? 'reference',
      isEstimate: given.has('estimate'),
      add: given.has('add'),
      threads: given.integer('threads', 1) ?? null,
    };
    const result = await followWork(client.quantize(input, { signal }), output);
    if (output.isJson) output.json(result);
    else for (const line of linesOf(result, input.isEstimate)) output.line(line);
    return 0;
  },
};

function linesOf(
  { recipe, description, variants, bitsPerWeight, requantized, added }: QuantizeResult & { added: string[] },
  isEstimate: boolean,
): string[] {
  const atMost = isEstimate ? 'at most ' : '';
  return [
    `${recipe}: ${description}`,
    `${bitsPerWeight.toFixed(2)} bits per quantized weight in a pack`,
    ...(requantized.length === 0
      ? []
      : [`these weights were quantized before (${requantized.join(', ')}): they are rounded a second time`]),
    ...variants.map(({ out, bytes, resumedBytes }) => {
      const resumed = resumedBytes > 0 ? `, ${byteText(resumedBytes)} of them from an earlier run` : '';
      return `${out}: ${atMost}${byteText(bytes)}${resumed}`;
    }),
    ...(added.length === 0 ? [] : [`in the library as ${added.join(' and ')}`]),
  ];
}
