/** A comparison whose data folder is on a disk that fills up. */
import { describe, expect, test } from 'vitest';
import { drain } from '../../electron/contract/rpc-client.ts';
import { figuresOf, tinyComparison } from '../helpers/comparisons.ts';
import { mayMount, SmallDisk } from '../helpers/small-disk.ts';
import { startHost } from '../helpers/test-host.ts';

const request = tinyComparison(60);

describe.runIf(mayMount)('a comparison on a disk that fills up', () => {
  test('fails with the reason, loses nothing that was measured, and goes on when there is room', async () => {
    const disk = new SmallDisk(16 * 2 ** 20);
    const { client } = startHost(disk.folder);
    let jobId = '';
    const failing = drain(client.compare(request), (event) => {
      if (event.type === 'begun') jobId = event.jobId;
      if (event.type === 'forced') disk.fill();
    });
    await expect(failing).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(
        /^retort\.db: the disk is full\. .*free some space.* What was measured before is kept/,
      ) as string,
    });
    // The disk takes not even that it failed: who asks is told all the same.
    const failed = { id: jobId, state: 'failed', canResume: true, error: { code: 'disk-full' } };
    expect(await client.listJobs({})).toMatchObject([failed]);
    for (const asked of [drain(client.resumeJob({ id: jobId })), client.cancelJob({ id: jobId })])
      await expect(asked).rejects.toMatchObject({ code: 'disk-full' });
    expect(await client.listJobs({})).toMatchObject([failed]);

    disk.makeRoom();
    const measured: string[] = [];
    const { result } = await drain(client.resumeJob({ id: jobId }), ({ type }) => void measured.push(type));
    expect(measured).not.toContain('column');
    expect(measured).not.toContain('forced');
    expect(await client.listJobs({})).toMatchObject([{ id: jobId, state: 'done', error: null }]);
    const whole = await drain(startHost().client.compare(request));
    expect(figuresOf(result)).toEqual(figuresOf(whole.result));
  }, 300_000);
});
