/** The library, jobs, runs and caches on the command line; chats; help. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundled, json, llama, useCliHome } from '../helpers/cli-home.ts';
import { cli } from '../helpers/cli.ts';

const home = useCliHome();

test('models are added, used by name, listed and removed', async () => {
  expect((await home.retort('models', 'add', llama, '--name', 'tiny')).code).toBe(0);
  const { models } = json<{ models: { name: string }[] }>(await home.retort('models', 'list', '--json'));
  expect(models.map(({ name }) => name)).toEqual([bundled, 'tiny']);
  expect(json(await home.retort('inspect', 'tiny', '--json'))).toMatchObject({ layers: 3 });
  expect((await home.retort('models', 'remove', 'tiny')).code).toBe(0);
  expect((await home.retort('inspect', 'tiny')).code).toBe(3);
});

test('jobs, runs and caches are listed, shown and removed', async () => {
  await home.retort('pack', llama, '--out', join(home.path, 'job.retortpack'));
  await home.retort('run', llama, '--ids', '1,2', '--greedy', '--max-tokens', '2');
  const { jobs } = json<{ jobs: { id: string; state: string }[] }>(
    await home.retort('jobs', 'list', '--json'),
  );
  expect(jobs.length).toBeGreaterThan(0);
  const ended = await home.retort('jobs', 'cancel', jobs[0]?.id ?? '');
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('has ended') as string });
  const { runs } = json<{ runs: { id: string }[] }>(
    await home.retort('runs', 'list', '--limit', '1', '--json'),
  );
  expect(json(await home.retort('runs', 'show', runs[0]?.id ?? '', '--json'))).toMatchObject({
    promptIds: [1, 2],
  });
  const { caches } = json<{ caches: { id: string }[] }>(await home.retort('caches', 'list', '--json'));
  const id = caches[0]?.id ?? '';
  expect((await home.retort('caches', 'remove', id)).stdout).toContain('freed');
  expect((await home.retort('caches', 'remove', id)).code).toBe(3);
});

test('chat answers lines until /exit', async () => {
  const input = 'What is the capital of France?\n/reset\n\n/exit\nnever read\n';
  const args = ['chat', '--greedy', '--arithmetic', 'reference'];
  const { code, stdout } = await cli(args, { home: home.path, input });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'The capital of France is Paris.\n' });
}, 60_000);

test('a second line of a chat reads only what is new', async () => {
  const input = 'What is the capital of France?\nAnd of Spain?\n';
  expect((await cli(['chat', '--greedy', '--max-tokens', '8'], { home: home.path, input })).code).toBe(0);
  const { runs } = json<{ runs: { id: string }[] }>(
    await home.retort('runs', 'list', '--limit', '1', '--json'),
  );
  const { figures, promptIds } = json<{
    figures: { reusedTokens: number; promptTokens: number };
    promptIds: number[];
  }>(await home.retort('runs', 'show', runs[0]?.id ?? '', '--json'));
  expect(figures.promptTokens).toBe(promptIds.length);
  expect(figures.reusedTokens).toBeGreaterThan(promptIds.length / 2);
}, 60_000);

test('help and version go to stdout', async () => {
  const help = await home.retort('--help');
  expect(help.stdout).toContain('perplexity');
  expect((await home.retort()).stdout).toBe(help.stdout);
  expect((await home.retort('--version')).stdout).toBe('0.1.0\n');
  for (const name of [
    'run',
    'chat',
    'logits',
    'tokenize',
    'inspect',
    'models',
    'pack',
    'quantize',
    'estimate',
    'perplexity',
    'bench',
    'jobs',
  ]) {
    const { code, stdout } = await home.retort(name, '--help');
    expect({ name, code, starts: stdout.includes(`  retort ${name}`) }).toEqual({
      name,
      code: 0,
      starts: true,
    });
  }
}, 60_000);
