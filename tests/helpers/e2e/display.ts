import { spawn } from 'node:child_process';

export interface Display {
  /** For the environment variable DISPLAY. */
  readonly name: string;
  close(): void;
}

const startLimitMs = 20_000;

/** An X server that draws into memory; null where there is none to be had. */
export function startDisplay(): Promise<Display | null> {
  // -ac: another user of this machine may draw on it too.
  const screen = ['-screen', '0', '1920x1200x24', '-nolisten', 'tcp', '-ac'];
  // It takes a free number and writes it to descriptor 3.
  const child = spawn('Xvfb', [...screen, '-displayfd', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), startLimitMs);
    child.on('error', () => resolve(null));
    child.on('exit', () => resolve(null));
    child.stdio[3]?.on('data', (number: Buffer) => {
      clearTimeout(timer);
      resolve({ name: `:${number.toString().trim()}`, close: () => void child.kill() });
    });
  });
}
