/** In Electron's main process: the shell's end, as in production, and a page's. Prints one JSON line. */
import { app, MessageChannelMain } from 'electron';
import { join } from 'node:path';
import { electronPort } from '../../../../electron/contract/electron-port.ts';
import { connect } from '../../../../electron/contract/rpc-client.ts';
import { isRunning } from '../../../../electron/host/process-identity.ts';
import { startUtilityHost } from '../../../../electron/main/host-process/utility-host.ts';
import { utilityContract } from './contract.ts';

export interface UtilityReport {
  readonly isUtilityProcess: boolean;
  readonly arguments: readonly string[];
  readonly decoded: readonly string[];
  readonly lost: { readonly error: string; readonly reason: string };
  readonly closed: { readonly isAlive: boolean; readonly reason: string };
  readonly grant: string;
  readonly afterPageEnd: string;
  readonly end: unknown;
  readonly isHostAlive: boolean;
}

/** The shell hears of an end a moment before the system has done with the process. */
async function lives(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100 && isRunning(pid); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return isRunning(pid);
}

async function report(): Promise<UtilityReport> {
  const host = startUtilityHost({
    entry: join(__dirname, 'host.cjs'),
    engineEntry: join(__dirname, 'engine.cjs'),
    arguments: ['data folder', 'cache'],
  });
  const { port1, port2 } = new MessageChannelMain();
  const endPage = host.servePage(port1);
  const page = connect(electronPort(port2), utilityContract);
  const given = await page.arguments(null);
  const decoded = await page.decodeTwice(null);
  const lost = await page.loseEngine(null);
  const closed = await page.closeEngine(null);
  const grant = await host.grant('model');
  endPage();
  const gone = await new Promise<string>((resolve) => {
    port2.on('close', () => resolve('closed'));
    setTimeout(() => resolve('open'), 5000);
  });
  const pid = host.pid ?? 0;
  await host.close();
  return {
    isUtilityProcess: pid > 0 && pid !== process.pid,
    arguments: given,
    decoded,
    lost,
    closed: { isAlive: await lives(closed.pid), reason: closed.reason },
    grant,
    afterPageEnd: gone,
    end: await host.ended,
    isHostAlive: await lives(pid),
  };
}

void app
  .whenReady()
  .then(report)
  .then(
    (value) => console.log(JSON.stringify(value)),
    (error: unknown) => console.log(JSON.stringify({ error: String(error) })),
  )
  .finally(() => app.exit(0));
