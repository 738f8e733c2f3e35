import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CompareDone, Run } from '../../electron/contract/host-contract.ts';
import { cli, startCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const bundled = 'smollm2-135m-instruct';
const sentence = 'The ship lay at anchor in the harbour, and her crew went ashore one after the other. ';

function textFile(folder: string, times: number): string {
  const file = join(folder, 'text.txt');
  writeFileSync(file, sentence.repeat(times));
  return file;
}

test('compare prints figures, replies and a run, and writes one page and a table', async () => {
  const home = temporaryFolder();
  const [html, csv] = [join(home, 'page.html'), join(home, 'table.csv')];
  const narrow = `${bundled}:kv-codec=q8,label=<b>narrow</b>`;
  const what = [
    '--prompt',
    'What is the capital of <France>?',
    '--max-tokens',
    '5',
    '--file',
    textFile(home, 12),
  ];
  const files = ['--context', '64', '--html', html, '--csv', csv, '--weights'];
  const { code, stdout, stderr } = await cli(['compare', bundled, narrow, ...what, ...files], { home });
  expect([code, stderr.includes('retort:')], stderr).toEqual([0, false]);
  expect(stdout).toMatch(/mean KL, nats/);
  expect(stdout).toContain('<b>narrow</b>');
  const page = readFileSync(html, 'utf8');
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).toContain("default-src 'none'");
  expect(page).not.toMatch(/<script|<b>|<link|<img|https?:|\.gguf/);
  expect(page).toContain('&lt;b&gt;narrow&lt;/b&gt;');
  expect(page).toMatch(
    /<span style="background:rgb\(220 60 40\/[\d.]+\)" title="KL [^"]+\nreference: [^"]+%/,
  );
  expect(page.match(/<svg/g)).toHaveLength(2);
  const rows = readFileSync(csv, 'utf8').trimEnd().split('\r\n');
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatch(/^label,model,identity,precision,weights_bytes/);

  const id = /^run (\S+)$/m.exec(stdout)?.[1] ?? '';
  const shown = await cli(['runs', 'export', id, '--format', 'html'], { home });
  expect(shown.stdout).toBe(page);
  expect((await cli(['runs', 'list', '--kind', 'compare'], { home })).stdout).toContain('largest mean KL');
}, 120_000);

test('a comparison stopped by Ctrl-C says how to go on with it, and resume does', async () => {
  const home = temporaryFolder();
  const args = ['compare', bundled, `${bundled}:kv-codec=q8`, '--prompt', 'Hi', '--max-tokens', '2'];
  const more = ['--file', textFile(home, 200), '--context', '64', '--json'];
  const running = startCli([...args, ...more], { home });
  running.child.stderr?.on('data', (text: string) => {
    if (text.includes('text')) running.child.kill('SIGINT');
  });
  const { code, stderr } = await running.finished;
  expect(code).toBe(130);
  const id = /retort jobs resume (\S+)\./.exec(stderr)?.[1] ?? '';
  expect((await cli(['jobs', 'list'], { home })).stdout).toContain('interrupted');
  const resumed = await cli(['jobs', 'resume', id, '--json'], { home });
  expect(resumed.code).toBe(0);
  const { runId, result } = JSON.parse(resumed.stdout) as CompareDone;
  expect(result.quality?.windows).toBeGreaterThan(40);
  const run = JSON.parse((await cli(['runs', 'show', runId, '--json'], { home })).stdout) as Run;
  expect(run.figures['quality']).toEqual(result.quality);
  await eventually(async () => expect((await cli(['jobs', 'list'], { home })).stdout).toContain('done'));
}, 180_000);

describe('compare refuses', () => {
  test.each([
    ['one model', [bundled, '--prompt', 'x'], /Two to four models/],
    ['five models', ['a', 'b', 'c', 'd', 'e', '--prompt', 'x'], /Two to four models/],
    ['no prompt', [bundled, bundled], /--prompt is missing/],
    ['a setting that is none', [bundled, `${bundled}:speed=3`, '--prompt', 'x'], /A variant has no speed/],
    ['a setting out of its values', [bundled, `${bundled}:kv-codec=q2`, '--prompt', 'x'], /--kv-codec is one of f32, f16, q8/],
    ['a window without a text', [bundled, bundled, '--prompt', 'x', '--context', '64'], /--context is for --file/],
    ['a folder that is not there', [bundled, bundled, '--prompt', 'x', '--html', '/nowhere/x.html'], /does not exist/],
    ['a model that is not there', [bundled, 'nothing-like-it', '--prompt', 'x'], /There is no model "nothing-like-it"/],
  ])('%s', async (_what, args, message) => {
    const home = temporaryFolder();
    const { code, stderr } = await cli(['compare', ...args], { home });
    expect(code).toBeGreaterThan(1);
    expect(stderr).toMatch(message);
    expect(existsSync(join(home, 'x.html'))).toBe(false);
  }); // prettier-ignore
});
