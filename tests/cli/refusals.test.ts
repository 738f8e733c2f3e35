import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cli } from '../helpers/cli.ts';
import { goldenFolder } from '../helpers/golden.ts';

const llama = join(goldenFolder, 'tiny', 'llama');
const exported = join(goldenFolder, 'exports', 'llama-plain');
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'retort-cli-'));
  writeFileSync(join(home, 'broken.json'), '[{"role": "user"');
  writeFileSync(join(home, 'wrong.json'), '[{"role": "user", "text": "Hi"}]');
  writeFileSync(join(home, 'empty.txt'), '');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const refusals: readonly (readonly [string, readonly string[], number, string])[] = [
  ['an unknown command', ['walk'], 2, 'There is no command walk.'],
  ['an unknown option instead of a command', ['--walk'], 2, 'There is no option --walk.'],
  ['an unknown option', ['run', llama, '--walk'], 2, 'There is no option --walk here.'],
  ['no model', ['run', '--prompt', 'Hi'], 2, 'MODEL is missing.'],
  ['two models', ['inspect', llama, llama], 2, 'one argument too many'],
  ['values without tensors', ['inspect', llama, '--statistics'], 2, '--statistics goes with --tensors.'],
  ['an option without its value', ['run', llama, '--prompt'], 2, '--prompt needs a value'],
  ['no prompt', ['run', llama], 2, 'Give one of --prompt, --chat, --ids, and --prefix with --suffix.'],
  ['a gap beside a prompt', ['run', llama, '--prompt', 'Hi', '--suffix', 'x'], 2, 'Give one of'],
  ['a gap in nothing', ['run', llama, '--prefix', '', '--suffix', ''], 2, '--prefix and --suffix are both empty.'],
  ['a system message for a gap', ['run', llama, '--prefix', 'a', '--system', 'x'], 2, '--system goes with --prompt.'],
  ['a gap for a model that fills none', ['run', llama, '--prefix', 'a', '--suffix', 'b'], 5, 'no token for prefix, suffix, and middle.'],
  ['two prompts', ['run', llama, '--prompt', 'Hi', '--ids', '1'], 2, 'Give one of'],
  ['an empty prompt', ['run', llama, '--prompt', ''], 2, '--prompt is empty.'],
  ['ids that are none', ['run', llama, '--ids', '1,two'], 2, '"two" is none'],
  ['a negative id', ['run', llama, '--ids=-1'], 2, '"-1" is none'],
  ['an id over 31 bits', ['run', llama, '--ids', '2147483648'], 2, 'is none'],
  ['a temperature that is no number', ['run', llama, '--ids', '1', '--temperature', 'hot'], 2, '--temperature takes a number'],
  ['a temperature out of range', ['run', llama, '--ids', '1', '--temperature=-1'], 2, '--temperature must be'],
  ['a top-p of 0', ['run', llama, '--ids', '1', '--top-p', '0'], 2, '--top-p must be'],
  ['greedy with a temperature', ['run', llama, '--ids', '1', '--greedy', '--temperature', '1'], 2, 'give one of'],
  ['no tokens', ['run', llama, '--ids', '1', '--max-tokens', '0'], 2, '--max-tokens takes a whole number from 1 up'],
  ['an unknown engine', ['run', llama, '--ids', '1', '--engine', 'steam'], 2, '--engine is one of onnx, native'],
  ['a budget that is no size', ['run', llama, '--ids', '1', '--memory-budget', 'lots'], 2, '--memory-budget takes a size'],
  ['a budget of nothing', ['run', llama, '--ids', '1', '--memory-budget', '0MiB'], 2, '--memory-budget takes a size'],
  ['a budget of unknown units', ['run', llama, '--ids', '1', '--memory-budget', '5 parsecs'], 2, '--memory-budget takes a size'],
  ['a small budget for what is no pack', ['run', llama, '--ids', '1', '--memory-budget', '1MiB'], 5, 'retort pack'],
  ['a budget for the onnx engine', ['run', llama, '--ids', '1', '--engine', 'onnx', '--memory-budget', '1GiB'], 5, 'native engine and a pack'],
  ['a system message for ids', ['run', llama, '--ids', '1', '--system', 'x'], 2, '--system goes with --prompt.'],
  ['a bias without an id', ['run', llama, '--ids', '1', '--logit-bias', '=1'], 2, '--logit-bias takes ID=BIAS'],
  ['settings beside --repeat', ['run', '--repeat', 'x', '--greedy'], 2, 'leave out --greedy'],
  ['a run that does not exist', ['run', '--repeat', 'none'], 3, 'There is no run none.'],
  ['a model that does not exist', ['run', 'none', '--ids', '1'], 3, 'There is no model "none"'],
  ['a chat without a template', ['run', llama, '--prompt', 'Hi'], 6, 'no chat template'],
  ['the native engine on a GPU', ['run', llama, '--ids', '1', '--engine', 'native', '--device', 'webgpu'], 5, 'native engine'],
  ['a folder without a model', ['inspect', goldenFolder], 5, 'no model that can be read'],
  ['an id that the model does not have', ['run', llama, '--ids', '320'], 2, 'no token 320'],
  ['messages that do not exist', ['tokenize', llama, '--chat', '/nowhere.json'], 3, 'does not exist'],
  ['messages that are no JSON', ['tokenize', llama, '--chat', 'broken.json'], 2, 'is not JSON'],
  ['messages of another shape', ['tokenize', llama, '--chat', 'wrong.json'], 2, 'a list of {"role", "content"}'],
  ['no text', ['tokenize', llama], 2, 'Give one of --text and --chat.'],
  ['an estimate of nothing', ['estimate'], 2, 'MODEL is missing.'],
  ['an estimate within too little', ['estimate', llama, '--memory-budget', '1MiB'], 5, 'retort pack'],
  ['an estimate within no size', ['estimate', llama, '--memory-budget', 'all'], 2, '--memory-budget takes a size'],
  ['an estimate of no context', ['estimate', llama, '--context', '0'], 2, '--context takes a whole number from 1 up'],
  ['an estimate of an unknown codec', ['estimate', llama, '--kv-codec', 'q1'], 2, '--kv-codec is one of f32, f16, q8'],
  ['the disk of nowhere', ['estimate', '--disk', '/nowhere'], 3, '/nowhere does not exist.'],
  ['the disk of two places', ['estimate', '--disk', '.', '.'], 2, 'one argument too many'],
  ['a disk within a budget', ['estimate', '--disk', '--memory-budget', '1GiB'], 2, 'leave it out with --disk'],
  ['logits without a file', ['logits', llama, '--ids', '1'], 2, '--out is missing.'],
  ['logits into a missing folder', ['logits', llama, '--ids', '1', '--out', '/nowhere/x'], 3, 'does not exist'],
  ['perplexity without a window', ['perplexity', llama, '--file', 'empty.txt'], 2, '--context is missing.'],
  ['perplexity of nothing', ['perplexity', llama, '--file', 'empty.txt', '--context', '4'], 2, 'empty'],
  ['an unknown subcommand', ['models', 'sell'], 2, 'There is no sell: list, add, remove, verify.'],
  ['no subcommand', ['models'], 2, 'Say what to do: list, add, remove, verify.'],
  ['a pack without a name', ['pack', llama], 2, '--out is missing.'],
  ['a pack into a missing folder', ['pack', llama, '--out', '/nowhere/x'], 3, 'The folder /nowhere does not exist.'],
  ['a pack named like a folder', ['pack', llama, '--out', 'new/'], 2, 'name one in the folder, for example new/model.retortpack'],
  ['a pack in place of a folder', ['pack', llama, '--out', '.'], 2, 'is a folder: name a file in it'],
  ['a pack in place of a file', ['pack', llama, '--out', 'empty.txt'], 2, 'empty.txt is there already'],
  ['a pack of a graph without names', ['pack', exported, '--out', 'new'], 5, 'runs only as it was exported'],
  ['verifying what is no pack', ['models', 'verify', llama], 2, 'only packs hold checksums'],
  ['a library name with capitals', ['models', 'add', llama, '--name', 'Llama'], 2, 'an id is'],
  ['a trace that cannot be written', ['run', llama, '--ids', '1', '--trace', '/nowhere/t.jsonl'], 2, 'cannot be written'],
]; // prettier-ignore

test.each(refusals)('%s is refused in one sentence', async (_what, args, exitCode, sentence) => {
  const { code, stdout, stderr } = await cli(args, { home, cwd: home });
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
  expect(stderr).toContain(sentence);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test.each([
  ['before anything ran', ['run', '--json'], 2, 'bad-request'],
  ['from the host', ['runs', 'show', 'none', '--json'], 3, 'not-found'],
  ['from an engine process', ['inspect', goldenFolder, '--json'], 5, 'unsupported-format'],
])(
  'an error %s is one JSON object on stdout where JSON was asked for',
  async (_what, args, exitCode, code) => {
    const result = await cli(args, { home, cwd: home });
    expect(result.code).toBe(exitCode);
    expect(JSON.parse(result.stdout)).toMatchObject({
      error: { code, message: expect.any(String) as string, detail: {} },
    });
  },
);
