import { type HostProcess } from './host.ts';
export interface UtilityHostOptions {
  readonly entry: string;
  readonly engineEntry: string;
  readonly arguments: readonly string[];
}
export declare function startUtilityHost({
  entry,
  engineEntry,
  arguments: args,
}: UtilityHostOptions): HostProcess;
