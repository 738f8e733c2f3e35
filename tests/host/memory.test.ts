import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Memory, ModelInfo } from '../../electron/contract/open-model.ts';
import { MemoryReading } from '../../electron/contract/machine.ts';
import { pageContract } from '../../electron/contract/page-contract.ts';
import { portPair } from '../../electron/contract/port.ts';
import { connect } from '../../electron/contract/rpc-client.ts';
import { serve } from '../../electron/contract/rpc.ts';
import {
  bytesPerSecond,
  Measurements,
  readsOf,
  type Measurement,
} from '../../electron/host/memory/measurements.ts';
import { recordReply } from '../../electron/host/memory/measured-reply.ts';
import { memoryHandlers } from '../../electron/host/memory/memory-handlers.ts';
import { MemoryReader, type LoadedMemory } from '../../electron/host/memory/memory-reader.ts';
import { processTree } from '../../electron/host/memory/process-tree.ts';
import { systemMemory } from '../../electron/host/memory/system-memory.ts';
import { migrations } from '../../electron/host/store/migrations.ts';
import { openDatabase } from '../../electron/host/store/open-database.ts';
import { openStore } from '../../electron/host/store/store.ts';
import { makeFolder } from '../helpers/model-folder.ts';
import { temporaryFolder } from '../helpers/test-host.ts';

const mebibyte = 1_048_576;
const gibibyte = 1024 * mebibyte;
const childFile = fileURLToPath(new URL('../helpers/memory-child.ts', import.meta.url));
const notStreamed = { leavingPids: [], baselineBytes: null, memoryBudgetBytes: null };
const none: LoadedMemory = { pid: null, weightsBytes: 0, kvBytes: 0, ...notStreamed };

/** A process that holds so much memory, as an engine would. */
async function processWith(mebibytes: number): Promise<ChildProcess & { pid: number }> {
  const child = fork(childFile, [String(mebibytes)], { execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return Object.assign(child, { pid: child.pid ?? 0 });
}

const here = () => [process.pid];

describe.runIf(process.platform === 'linux')('a reading', () => {
  test('splits the engine into weights, KV and the rest, and tells RSS and PSS of both sides', async () => {
    const { pid } = await processWith(256);
    const loaded = { pid, weightsBytes: 150 * mebibyte, kvBytes: 50 * mebibyte, ...notStreamed };
    const reading = await new MemoryReader({ loaded, appPids: here }).read();
    expect(MemoryReading.parse(reading)).toEqual(reading);
    const engine = reading.engineRssBytes ?? 0;
    expect(engine).toBeGreaterThan(256 * mebibyte);
    expect(engine).toBeLessThan(512 * mebibyte);
    expect(reading.scratchBytes).toBe(engine - 200 * mebibyte);
    expect(reading.enginePssBytes).toBeGreaterThan(256 * mebibyte);
    expect(reading.enginePssBytes).toBeLessThanOrEqual(engine);
    expect(reading.appRssBytes / process.memoryUsage.rss()).toBeCloseTo(1, 0);
    expect(reading.appPssBytes).toBeLessThanOrEqual(reading.appRssBytes * 1.1);
    expect(reading.systemFreeBytes).toBeLessThan(reading.systemBytes);
  });

  test('without a model has no engine', async () => {
    const reading = await new MemoryReader({ loaded: none, appPids: here }).read();
    expect(reading).toMatchObject({
      engineRssBytes: null,
      enginePssBytes: null,
      scratchBytes: 0,
      weightsBytes: 0,
    });
  });

  test('of an engine that just ended has none either, and never negative scratch', async () => {
    const child = await processWith(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const loaded = { pid: child.pid, weightsBytes: gibibyte, kvBytes: 0, ...notStreamed };
    const reading = await new MemoryReader({ loaded, appPids: here }).read();
    expect(reading).toMatchObject({ engineRssBytes: null, enginePssBytes: null, scratchBytes: 0 });
  });

  test('follows RSS at once', async () => {
    const { pid } = await processWith(64);
    const loaded = { pid: null as number | null, weightsBytes: 0, kvBytes: 0, ...notStreamed };
    const reader = new MemoryReader({ loaded, appPids: here });
    expect((await reader.read()).engineRssBytes).toBe(null);
    loaded.pid = pid;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await reader.read()).engineRssBytes).toBeGreaterThan(64 * mebibyte);
  });

  test('of the app has every process that the shell started, and no engine', async () => {
    const app = await processWith(32);
    const engine = await processWith(32);
    const pids = processTree(process.pid, (pid) => pid === engine.pid);
    expect(pids[0]).toBe(process.pid);
    expect(pids).toContain(app.pid);
    expect(pids).not.toContain(engine.pid);
    expect(new Set(pids).size).toBe(pids.length);
    const reading = await new MemoryReader({ loaded: none, appPids: () => pids }).read();
    expect(reading.appRssBytes).toBeGreaterThan(process.memoryUsage.rss() * 0.8 + 32 * mebibyte);
  });
});

describe('watching memory', () => {
  const contract = { watchMemory: pageContract.watchMemory };

  function watch() {
    const reader = new MemoryReader({ loaded: none, appPids: here });
    const [left, right] = portPair();
    onTestFinished(() => left.close());
    serve(right, contract, memoryHandlers({ memory: reader }));
    return { client: connect(left, contract), reader };
  }

  test('begins with a reading at once and goes on', async () => {
    const { client } = watch();
    const readings: MemoryReading[] = [];
    for await (const reading of client.watchMemory({ intervalMs: 200 }).chunks) {
      readings.push(reading);
      if (readings.length === 3) break;
    }
    expect(readings[2]!.at).toBeGreaterThan(readings[0]!.at);
  });

  test('ends when the page leaves, also between two readings', async () => {
    const { reader } = watch();
    const leave = new AbortController();
    const emit = () => Promise.resolve(leave.abort());
    const watching = memoryHandlers({ memory: reader }).watchMemory(
      { intervalMs: 60_000 },
      { signal: leave.signal, emit },
    );
    expect(await watching).toBe(null);
  });

  test('of several pages at one moment reads once', async () => {
    const { reader } = watch();
    const [first, second] = await Promise.all([reader.read(), reader.read()]);
    expect(second).toBe(first);
  });

  test.each([0, 199, 60_001, 200.5, Number.NaN])('every %s ms is refused', async (intervalMs) => {
    const { client } = watch();
    await expect(client.watchMemory({ intervalMs }).done).rejects.toMatchObject({ code: 'bad-request' });
  });
});

describe('the memory of a system', () => {
  const system = {
    'proc/meminfo': 'MemTotal:       16777216 kB\nMemFree:  1 kB\nMemAvailable:    8388608 kB\n',
  };
  const group = (folder: string, limit: string, used: string, statistics: string) => ({
    [`sys/fs/cgroup${folder}/memory.max`]: `${limit}\n`,
    [`sys/fs/cgroup${folder}/memory.current`]: `${used}\n`,
    [`sys/fs/cgroup${folder}/memory.stat`]: statistics,
  });

  test.each<[string, Record<string, string>, { totalBytes: number; freeBytes: number }]>([
    ['without control groups', system, { totalBytes: 16 * gibibyte, freeBytes: 8 * gibibyte }],
    [
      'in a group of version two that is limited, with what the kernel gives up first counted as free',
      {
        ...system,
        'proc/self/cgroup': '0::/user/app\n',
        ...group(
          '/user/app',
          String(4 * gibibyte),
          String(3 * gibibyte),
          `anon 5\ninactive_file ${gibibyte}\n`,
        ),
      },
      { totalBytes: 4 * gibibyte, freeBytes: 2 * gibibyte },
    ],
    [
      'in a group whose parent is limited more',
      {
        ...system,
        'proc/self/cgroup': '0::/user/app\n',
        ...group('/user/app', 'max', '1', ''),
        ...group('/user', String(2 * gibibyte), String(gibibyte), ''),
      },
      { totalBytes: 2 * gibibyte, freeBytes: gibibyte },
    ],
    [
      'in a container that sees its own group at the root',
      {
        ...system,
        'proc/self/cgroup': '0::/system.slice/container-1\n',
        ...group('', String(gibibyte), String(2 * gibibyte), ''),
      },
      { totalBytes: gibibyte, freeBytes: 0 },
    ],
    [
      'in a group of version one',
      {
        ...system,
        'proc/self/cgroup': '12:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n',
        'sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes': String(6 * gibibyte),
        'sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes': String(5 * gibibyte),
        'sys/fs/cgroup/memory/docker/1/memory.stat': `inactive_file 7\ntotal_inactive_file ${2 * gibibyte}\n`,
        'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
      },
      { totalBytes: 6 * gibibyte, freeBytes: 3 * gibibyte },
    ],
    [
      'in a group that is limited to more than there is',
      {
        ...system,
        'proc/self/cgroup': '0::/a\n',
        ...group('/a', String(64 * gibibyte), '1', ''),
      },
      { totalBytes: 16 * gibibyte, freeBytes: 8 * gibibyte },
    ],
    [
      'with files of control groups that say nothing',
      { ...system, 'proc/self/cgroup': 'no line of it\n0::/a\n', ...group('/a', 'x', 'y', 'z') },
      { totalBytes: 16 * gibibyte, freeBytes: 8 * gibibyte },
    ],
  ])('%s is read right', (_what, files, expected) => {
    expect(systemMemory(makeFolder(files))).toEqual(expected);
  });

  test('that is no Linux is what Node tells', () => {
    const { totalBytes, freeBytes } = systemMemory(makeFolder());
    expect(totalBytes).toBeGreaterThan(freeBytes);
    expect(freeBytes).toBeGreaterThan(0);
  });
});

describe('what a model may take', () => {
  const budget = (totalGibibytes: number, freeGibibytes: number, loaded = none) =>
    new MemoryReader({
      loaded,
      appPids: here,
      system: () => ({ totalBytes: totalGibibytes * gibibyte, freeBytes: freeGibibytes * gibibyte }),
    }).freeForModels();

  test('leaves a tenth of a large memory free', async () => {
    expect(await budget(64, 40)).toEqual({
      freeBytes: 40 * gibibyte - 6.4 * gibibyte,
      reserveBytes: 6.4 * gibibyte,
      memoryBytes: 64 * gibibyte,
    });
  });

  test('leaves 1 GiB of a small memory free, and is never less than nothing', async () => {
    expect(await budget(4, 3)).toMatchObject({ freeBytes: 2 * gibibyte, reserveBytes: gibibyte });
    expect(await budget(4, 0.5)).toMatchObject({ freeBytes: 0 });
    // A container of 2 GiB may still hold a model.
    expect(await budget(2, 1.5)).toMatchObject({ freeBytes: gibibyte, reserveBytes: gibibyte / 2 });
  });

  test.runIf(process.platform === 'linux')('counts what the loaded model would give back', async () => {
    const { pid } = await processWith(128);
    const { freeBytes } = await budget(8, 4, { pid, weightsBytes: 0, kvBytes: 0, ...notStreamed });
    expect(freeBytes).toBeGreaterThan(3 * gibibyte + 128 * mebibyte);
    expect(freeBytes).toBeLessThan(3 * gibibyte + 512 * mebibyte);
    // Another was loaded in its place, and it has not ended yet.
    const leaving = await budget(8, 4, { ...none, leavingPids: [pid] });
    expect(leaving.freeBytes).toBeGreaterThan(3 * gibibyte + 128 * mebibyte);
  });
});

describe('what replies measured', () => {
  const measured: Measurement = {
    modelIdentity: 'a'.repeat(64),
    context: 1024,
    kvCodec: 'f16',
    threads: 2,
    at: 1000,
    totalBytes: 5e9,
    usedContext: 900,
    tokensPerSecond: 50,
    bytesPerSecond: 1e10,
    ...{ memoryBudget: null, readBytesPerToken: null, hitRate: null },
  };

  function open() {
    const store = openStore(temporaryFolder());
    onTestFinished(() => store.close());
    return new Measurements(store);
  }

  test('is kept for each way to load a model, the latest of each', async () => {
    const measurements = open();
    expect(await measurements.latest(measured)).toBe(null);
    const other: Measurement = { ...measured, kvCodec: 'q8', tokensPerSecond: 40, bytesPerSecond: null };
    const later = { ...measured, at: 2000, tokensPerSecond: 51.5 };
    for (const each of [measured, other, later]) await measurements.record(each);
    expect(await measurements.latest(measured)).toEqual(later);
    expect(await measurements.latest(other)).toEqual(other);
    const elsewhere = { ...measured, context: 2048 };
    expect(await measurements.latest(elsewhere)).toBe(null);
    expect(await measurements.latest(elsewhere, { anyContext: true })).toEqual(later);
    const nearer = { ...elsewhere, at: 1 };
    await measurements.record(nearer);
    expect(await measurements.latest(elsewhere, { anyContext: true })).toEqual(nearer);
  });

  test('is kept for each budget of memory too, with what was read', async () => {
    const measurements = open();
    const reads = { readBytesPerToken: 1e6, hitRate: 0.75 };
    const budgets = [5e9, 'auto', null] as const;
    for (const memoryBudget of budgets) {
      const tokensPerSecond = budgets.indexOf(memoryBudget) + 1;
      await measurements.record({ ...measured, ...reads, memoryBudget, tokensPerSecond });
    }
    for (const memoryBudget of budgets) {
      const latest = await measurements.latest({ ...measured, memoryBudget });
      expect(latest).toMatchObject({
        ...reads,
        memoryBudget,
        tokensPerSecond: budgets.indexOf(memoryBudget) + 1,
      });
    }
    expect(await measurements.latest({ ...measured, memoryBudget: 6e9 })).toBe(null);
  });

  test('stays what it was where an older Retort measured it', async () => {
    const home = temporaryFolder();
    const older = await openDatabase(join(home, 'retort.db'), join(home, 'backups'), migrations.slice(0, 3));
    older.exec(
      `INSERT INTO measurements VALUES ('${measured.modelIdentity}', 1024, 'f16', 2, 1000, 5e9, 900, 50, 1e10)`,
    );
    older.close();
    const store = openStore(home);
    onTestFinished(() => store.close());
    expect(await new Measurements(store).latest(measured)).toEqual(measured);
  });

  test('is how often experts were used, the latest of each model', async () => {
    const store = openStore(temporaryFolder());
    onTestFinished(() => store.close());
    const measurements = new Measurements(store);
    expect(await measurements.uses('a')).toEqual([]);
    await measurements.recordUses('a', [1, 2, 3], 1);
    await measurements.recordUses('a', [0.123456789, 0, 1e9], 2);
    expect(await measurements.uses('a')).toEqual([0.123457, 0, 1e9]);
    expect(await measurements.uses('b')).toEqual([]);
    await store.run('UPDATE expert_uses SET uses = ?', '[1, "two"');
    expect(await measurements.uses('a')).toEqual([]);
  });

  test('is how often experts were used, not in place of more: an engine that began anew counts from nothing', async () => {
    const measurements = open();
    await measurements.recordUses('a', [100, 300], 1);
    await measurements.recordUses('a', [40, 2], 2);
    expect(await measurements.uses('a')).toEqual([100, 300]);
    await measurements.recordUses('a', [380, 10], 3);
    expect(await measurements.uses('a')).toEqual([380, 10]);
    // Another way to count them: nothing to compare.
    await measurements.recordUses('a', [1, 2, 3], 4);
    expect(await measurements.uses('a')).toEqual([1, 2, 3]);
  });

  test('is of replies of eight tokens and more, by the native engine in fast arithmetic', async () => {
    const measurements = open();
    const { modelIdentity: identity, context, kvCodec, threads } = measured;
    const info = {
      identity,
      kvCodec,
      threads,
      engine: 'native',
      arithmetic: 'fast',
      streaming: {},
    } as ModelInfo;
    const reply = (generatedTokens: number, more: Partial<ModelInfo> = {}) =>
      recordReply(measurements, {
        ...{ info: { ...info, ...more }, context, memoryBudget: 'auto', steps: [] },
        result: {
          memory: { residentBytes: 9, residentBeforeOpenBytes: 2 } as Memory,
          timing: { loadMs: 0, firstTokenMs: 0, prefillTokensPerSecond: 0, decodeTokensPerSecond: 5 },
          ...{ promptTokens: 10, generatedTokens },
        },
        flash: { uses: [1, 2] },
      });
    const key = { ...measured, memoryBudget: 'auto' } as const;
    await reply(7);
    await reply(8, { arithmetic: 'reference' });
    await reply(8, { engine: 'onnx' });
    expect([await measurements.latest(key), await measurements.uses(identity)]).toEqual([null, []]);
    await reply(8);
    expect(await measurements.latest(key)).toMatchObject({
      totalBytes: 7,
      usedContext: 17,
      tokensPerSecond: 5,
    });
    expect(await measurements.uses(identity)).toEqual([1, 2]);
  });

  test('is of each token what it read, and without the time that was waited for it', () => {
    const step = { step: 0, tokens: 1, position: 0, startNs: 0 };
    const decode = { ...step, phase: 'decode' as const };
    const records = [
      {
        ...step,
        phase: 'prefill' as const,
        timeNs: { total: 1e9 },
        bytesRead: 9e9,
        cacheHits: 9,
        cacheMisses: 9,
      },
      {
        ...decode,
        timeNs: { total: 5e7, readWait: 4e7 },
        bytesTouched: 1e8,
        bytesRead: 10,
        cacheHits: 3,
        cacheMisses: 1,
      },
      {
        ...decode,
        timeNs: { total: 3e7, readWait: 2e7 },
        bytesTouched: 1e8,
        bytesRead: 30,
        cacheHits: 3,
        cacheMisses: 1,
      },
    ];
    expect(readsOf(records)).toEqual({ readBytesPerToken: 20, hitRate: 0.75 });
    expect(bytesPerSecond(records)).toBe(1e10);
    expect(readsOf([{ ...decode, timeNs: { total: 1 } }])).toEqual({
      readBytesPerToken: null,
      hitRate: null,
    });
    expect(readsOf([{ ...decode, timeNs: { total: 1 }, bytesRead: 0 }])).toEqual({
      readBytesPerToken: 0,
      hitRate: null,
    });
  });

  test('tells the rate of the same model first, then by the latest of any, on as many threads only', async () => {
    const measurements = open();
    const { modelIdentity, threads } = measured;
    expect(await measurements.memoryRate({ modelIdentity, threads })).toBe(null);
    await measurements.record(measured);
    await measurements.record({ ...measured, modelIdentity: 'b', at: 5000, bytesPerSecond: 2e10 });
    await measurements.record({ ...measured, modelIdentity: 'c', at: 9000, bytesPerSecond: null });
    expect(await measurements.memoryRate({ modelIdentity, threads })).toBe(1e10);
    expect(await measurements.memoryRate({ modelIdentity: 'new', threads })).toBe(2e10);
    expect(await measurements.memoryRate({ modelIdentity, threads: 8 })).toBe(null);
  });

  test('is a rate over the steps that wrote tokens and counted their bytes', () => {
    const step = { step: 0, tokens: 1, position: 0, startNs: 0 };
    const records = [
      { ...step, phase: 'prefill' as const, timeNs: { total: 1e9 }, bytesTouched: 1e9 },
      { ...step, phase: 'decode' as const, timeNs: { total: 1e7 }, bytesTouched: 1e8 },
      { ...step, phase: 'decode' as const, timeNs: { total: 3e7 }, bytesTouched: 1e8 },
      { ...step, phase: 'decode' as const, timeNs: { total: 5e7 } },
    ];
    expect(bytesPerSecond(records)).toBe(5e9);
    expect(bytesPerSecond(records.slice(3))).toBe(null);
    expect(bytesPerSecond([])).toBe(null);
  });
});
