/** genai_config.json: what onnxruntime-genai, and Retort, must know of an exported decoder. */
import type { JsonObject, ModelSource } from '../../contract/model-source.ts';
import type { AttentionLayerSpec, ModelSpec } from '../../../models/families/model-spec.ts';

export const graphName = 'model.onnx';

/** Decoders that onnxruntime-genai 0.18 knows by name and runs by the inputs that are written here; any other runs as `decoder`. */
const knownTypes = new Set(['gemma', 'gemma2', 'gemma3_text', 'llama', 'mistral', 'phi3', 'qwen2', 'qwen3']);

export function genaiConfig({ architecture, special, generation }: ModelSource, spec: ModelSpec): JsonObject {
  const { attention } = spec.layers[0] as AttentionLayerSpec;
  const [end] = special.ends;
  return {
    model: {
      type: knownTypes.has(architecture) ? architecture : 'decoder',
      ...(special.bos !== null && { bos_token_id: special.bos }),
      ...(end !== undefined && { eos_token_id: special.ends.length === 1 ? end : [...special.ends] }),
      ...((special.padding ?? end) !== undefined && { pad_token_id: special.padding ?? end! }),
      vocab_size: spec.vocabularySize,
      context_length: spec.contextLength,
      decoder: {
        session_options: { log_id: 'onnxruntime-genai', provider_options: [] },
        filename: graphName,
        head_size: attention.headDimension,
        hidden_size: spec.hiddenSize,
        num_attention_heads: attention.heads,
        num_hidden_layers: spec.layers.length,
        num_key_value_heads: attention.keyValueHeads,
        inputs: {
          input_ids: 'input_ids',
          attention_mask: 'attention_mask',
          past_key_names: 'past_key_values.%d.key',
          past_value_names: 'past_key_values.%d.value',
        },
        outputs: {
          logits: 'logits',
          present_key_names: 'present.%d.key',
          present_value_names: 'present.%d.value',
        },
      },
    },
    search: search(generation, spec.contextLength),
  };
}

/** The sampling defaults that the author set. */
function search(generation: ModelSource['generation'], contextLength: number): JsonObject {
  const { temperature, topK, topP, repetitionPenalty } = generation;
  return {
    ...(temperature !== undefined && { do_sample: temperature > 0, temperature: temperature || 1 }),
    ...(topK !== undefined && { top_k: topK }),
    ...(topP !== undefined && { top_p: topP }),
    ...(repetitionPenalty !== undefined && { repetition_penalty: repetitionPenalty }),
    max_length: contextLength,
    past_present_share_buffer: false,
  };
}
