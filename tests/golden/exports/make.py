"""Exports tiny models of tests/golden/tiny as ONNX folders of every layout the onnx engine runs.

Made with Python 3.11 and: torch 2.8.0, transformers 4.57.6, optimum 2.1.0, optimum-onnx 0.1.0, onnx 1.23.2, onnx-ir 1.1.0,
onnxruntime 1.30.0, onnxruntime-genai 0.11.4, safetensors, numpy 2.4.6.

    python make.py            # every case, into this folder

Each case gets expected.json: {model, tolerance, logits}. logits 'tiny': those of tiny/<model>/expected.safetensors hold; 'own': they lie in
this case's expected.safetensors (input_ids I64[S], logits F32[S,V], greedy I64[24]), computed by Python's onnxruntime without a cache.
"""
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime_genai.models.builder import create_model
from optimum.exporters.onnx import export, main_export
from optimum.exporters.tasks import TasksManager
from optimum.onnx import merge_decoders
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
TINY = HERE.parent / 'tiny'
GREEDY = 24


def fresh(case):
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def finish(folder, model, tolerance, logits='tiny', drop=()):
    """Keeps what a loader reads; the tokenizer's files are the tiny model's own, the exporters only reformat them."""
    for name in ('special_tokens_map.json', *drop):
        (folder / name).unlink(missing_ok=True)
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        shutil.copy(TINY / model / name, folder / name)
    case = {'model': model, 'tolerance': tolerance, 'logits': logits}
    (folder / 'expected.json').write_text(json.dumps(case) + '\n')


def plain(case, model, task):
    """optimum's layout: model.onnx beside config.json, weights inside the file."""
    folder = fresh(case)
    main_export(str(TINY / model), folder, task=task, do_validation=False)
    finish(folder, model, 1e-4)


def merged(case, model):
    """One file with an If over use_cache_branch, as older optimum and transformers.js exports have it."""
    folder = fresh(case)
    loaded = AutoModelForCausalLM.from_pretrained(TINY / model, attn_implementation='eager')
    make = TasksManager.get_exporter_config_constructor('onnx', loaded, task='text-generation', library_name='transformers')
    with tempfile.TemporaryDirectory() as scratch:
        graphs = []
        for name, with_past in (('decoder', False), ('decoder_with_past', True)):
            config = make(loaded.config, use_past=True, use_past_in_inputs=with_past, float_dtype='fp32', int_dtype='int64')
            graphs.append(Path(scratch) / f'{name}.onnx')
            export(loaded, config, graphs[-1], opset=17)
        merge_decoders(*graphs, save_path=folder / 'decoder_model_merged.onnx')
    shutil.copy(TINY / model / 'config.json', folder)
    shutil.copy(TINY / model / 'generation_config.json', folder)
    finish(folder, model, 1e-4)


def keep_last_logits(model):
    """Adds num_logits_to_keep (0 = all, n = the last n) before the head, as transformers.js exports have it."""
    graph = model.graph
    head = next(node for node in graph.node if 'logits' in node.output)
    hidden = head.input[0]
    at = list(graph.node).index(head)
    graph.input.append(helper.make_tensor_value_info('num_logits_to_keep', TensorProto.INT64, []))
    constants = {'keep_zero': [0], 'keep_axis': [1], 'keep_end': [2**31 - 1]}
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(numpy.array(value, dtype=numpy.int64), name))
    nodes = [
        helper.make_node('Neg', ['num_logits_to_keep'], ['keep_negative']),
        helper.make_node('Unsqueeze', ['keep_negative', 'keep_zero'], ['keep_start']),
        helper.make_node('Slice', [hidden, 'keep_start', 'keep_end', 'keep_axis'], ['kept_hidden']),
    ]
    for offset, node in enumerate(nodes):
        graph.node.insert(at + offset, node)
    head.input[0] = 'kept_hidden'
    logits = next(output for output in graph.output if output.name == 'logits')
    logits.type.tensor_type.shape.dim[1].dim_param = 'num_logits'
    return model


def transformersjs(case, model):
    """onnx/model_q4.onnx with external data and num_logits_to_keep: MatMulNBits over optimum's graph."""
    folder = fresh(case)
    (folder / 'onnx').mkdir()
    main_export(str(TINY / model), folder, task='text-generation-with-past', do_validation=False)
    graph = keep_last_logits(onnx.load(folder / 'model.onnx'))
    (folder / 'model.onnx').unlink()
    # Level 1: float32 activations, so that every machine computes nearly the same.
    quantizer = MatMulNBitsQuantizer(graph, block_size=32, is_symmetric=False, accuracy_level=1)
    quantizer.process()
    onnx.save(quantizer.model.model, folder / 'onnx/model_q4.onnx', save_as_external_data=True,
              all_tensors_to_one_file=True, location='model_q4.onnx_data', size_threshold=1024)
    own_expectation(folder, folder / 'onnx/model_q4.onnx', model)
    finish(folder, model, 2e-3, 'own')


def genai(case, model, precision, provider, tolerance, logits='tiny', **options):
    folder = fresh(case)
    with tempfile.TemporaryDirectory() as cache:
        create_model(None, str(TINY / model), str(folder), precision, provider, cache, **options)
    if logits == 'own':
        own_expectation(folder, folder / 'model.onnx', model)
    finish(folder, model, tolerance, logits)


class Decoder:
    """The whole sequence at once, without a past: the simplest caller there is."""

    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
        self.inputs = self.session.get_inputs()

    def logits(self, ids):
        shape = (1, len(ids))
        feeds = {}
        for value in self.inputs:
            if value.name.startswith('past_key_values'):
                kind = numpy.float16 if 'float16' in value.type else numpy.float32
                feeds[value.name] = numpy.zeros([1, value.shape[1], 0, value.shape[3]], kind)
        known = {
            'input_ids': numpy.array([ids], dtype=numpy.int64),
            'attention_mask': numpy.ones(shape, numpy.int64),
            'position_ids': numpy.arange(len(ids), dtype=numpy.int64)[None],
            'num_logits_to_keep': numpy.array(0, dtype=numpy.int64),
        }
        feeds |= {value.name: known[value.name] for value in self.inputs if value.name in known}
        return self.session.run(['logits'], feeds)[0][0].astype(numpy.float32)


def own_expectation(folder, path, model):
    ids = json.loads((TINY / model / 'expected.json').read_text())['input_ids']
    decoder = Decoder(path)
    logits = decoder.logits(ids)
    grown, margins = list(ids), []
    for _ in range(GREEDY):
        row = decoder.logits(grown)[-1]
        best = numpy.argsort(row)[-2:]
        margins.append(float(row[best[1]] - row[best[0]]))
        grown.append(int(best[1]))
    print(folder.name, 'least greedy margin', min(margins))
    save_file({'input_ids': numpy.array(ids, numpy.int64), 'logits': logits,
               'greedy': numpy.array(grown[len(ids):], numpy.int64)}, folder / 'expected.safetensors')


def check(case):
    """Compares Python's onnxruntime with the expectation, so that a bad export is seen here and not in the engine's tests."""
    folder = HERE / case
    expected = json.loads((folder / 'expected.json').read_text())
    if expected['logits'] == 'own':
        return
    path = next(folder.rglob('*.onnx'))
    decoder = Decoder(path)
    names = {value.name for value in decoder.inputs}
    if 'use_cache_branch' in names or 'inputs_embeds' in names:
        return print(case, 'not checked here')
    tensors = load_file(TINY / expected['model'] / 'expected.safetensors')
    difference = numpy.abs(decoder.logits(tensors['input_ids'].tolist()) - tensors['logits']).max()
    print(case, 'largest difference', difference)


CASES = {
    'llama-plain': lambda case: plain(case, 'llama', 'text-generation-with-past'),
    'llama-plain-no-past': lambda case: plain(case, 'llama', 'text-generation'),
    'gemma3-plain': lambda case: plain(case, 'gemma3_text', 'text-generation-with-past'),
    'gpt2-merged': lambda case: merged(case, 'gpt2'),
    'qwen3-transformersjs-q4': lambda case: transformersjs(case, 'qwen3'),
    'mistral-genai-f32': lambda case: genai(case, 'mistral', 'fp32', 'cpu', 1e-4),
    'qwen2-genai-embeds-f32': lambda case: genai(case, 'qwen2', 'fp32', 'cpu', 1e-4, exclude_embeds=True),
    'llama-genai-int4': lambda case: genai(case, 'llama', 'int4', 'cpu', 2e-3, 'own', int4_accuracy_level=1),
    'llama-genai-f16': lambda case: genai(case, 'llama', 'fp16', 'webgpu', 5e-2),
}

if __name__ == '__main__':
    torch.manual_seed(0)
    for case in sys.argv[1:] or CASES:
        CASES[case](case)
        check(case)
