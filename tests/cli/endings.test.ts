/** Commands that are stopped: by Ctrl-C, by a kill, by a reader that goes away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bundled, json, useCliHome } from '../helpers/cli-home.ts';
import { childrenOf, startCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { isAlive } from '../helpers/test-host.ts';

const home = useCliHome();

describe('Ctrl-C', () => {
  test('during a reply prints what there is, exits with 130 and leaves no process', async () => {
    const args = [
      'run',
      bundled,
      '--prompt',
      'Tell me a long story.',
      '--max-tokens',
      '4000',
      '--ignore-end',
    ];
    const { child, finished, stdout } = startCli(args, { home: home.path });
    await eventually(() => expect(stdout()).not.toBe(''));
    const engines = childrenOf(child.pid ?? 0);
    expect(engines).toHaveLength(2);
    // A terminal and a launcher may both deliver one press.
    child.kill('SIGINT');
    child.kill('SIGINT');
    const result = await finished;
    expect(result.code).toBe(130);
    expect(result.stderr).toContain('cancelled');
    expect(engines.filter(isAlive)).toEqual([]);
    const { runs } = json<{ runs: { id: string }[] }>(
      await home.retort('runs', 'list', '--limit', '1', '--json'),
    );
    const run = json(await home.retort('runs', 'show', runs[0]?.id ?? '', '--json'));
    expect(run['figures']).toMatchObject({ finishReason: 'cancelled' });
  }, 40_000);

  test('while a model opens exits with 130 and leaves no process', async () => {
    const fresh = mkdtempSync(join(tmpdir(), 'retort-cli-'));
    onTestFinished(() => rmSync(fresh, { recursive: true, force: true }));
    const args = ['run', bundled, '--prompt', 'Hi', '--json'];
    const { child, finished } = startCli(args, { home: fresh });
    await eventually(() => expect(childrenOf(child.pid ?? 0)).toHaveLength(2));
    const engines = childrenOf(child.pid ?? 0);
    child.kill('SIGINT');
    const result = await finished;
    expect(result.code).toBe(130);
    expect(json(result)).toMatchObject({ error: { code: 'cancelled' } });
    expect(engines.filter(isAlive)).toEqual([]);
  }, 40_000);

  test('kill -9 of the command leaves no engine after 5 seconds', async () => {
    const { child, finished } = startCli(['run', bundled, '--prompt', 'Hi', '--json'], { home: home.path });
    await eventually(() => expect(childrenOf(child.pid ?? 0)).toHaveLength(2));
    const engines = childrenOf(child.pid ?? 0);
    child.kill('SIGKILL');
    await finished;
    await vi.waitFor(() => expect(engines.filter(isAlive)).toEqual([]), { timeout: 5000, interval: 100 });
  }, 30_000);
});

test('a reader of stdout that goes away ends the command and its engines', async () => {
  const args = ['run', bundled, '--prompt', 'Tell me a long story.', '--max-tokens', '4000', '--ignore-end'];
  const { child, finished, stdout } = startCli(args, { home: home.path });
  await eventually(() => expect(stdout()).not.toBe(''));
  const engines = childrenOf(child.pid ?? 0);
  child.stdout?.destroy();
  expect((await finished).code).toBe(130);
  expect(engines.filter(isAlive)).toEqual([]);
}, 40_000);
