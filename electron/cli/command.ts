import type { HostContract } from '../contract/host-contract.ts';
import type { Client } from '../contract/rpc.ts';
import type { HostOptions, PageHost } from '../host/host.ts';
import type { Arguments, Options } from './arguments.ts';
import type { Output } from './output.ts';

export interface Context {
  readonly client: Client<HostContract>;
  /** Of a command that serves pages; null for the others. */
  readonly pages: PageHost | null;
  /** Fires at Ctrl-C. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Forms of the command, without `retort`. */
  readonly usage: readonly string[];
  readonly options: Options;
  /** Only of a command that serves pages: what its host has besides folders and engines. */
  readonly pageHost?: (given: Arguments) => Partial<HostOptions>;
  /** Returns the exit code; errors are thrown. */
  readonly run: (given: Arguments, context: Context) => Promise<number>;
}

const indent = 30;

export function helpOf(command: Command): string {
  const usage = command.usage.map((form) => `  retort ${form}`).join('\n');
  const options = Object.entries(command.options).map(([name, { value, help }]) => {
    const left = `  --${name}${value === undefined ? '' : ` ${value}`}`;
    return left.length < indent ? left.padEnd(indent) + help : `${left}\n${' '.repeat(indent)}${help}`;
  });
  return `${command.summary}\n\n${usage}\n\n${options.join('\n')}\n`;
}
