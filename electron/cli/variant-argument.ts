/** A variant of a comparison as it is written: MODEL, or MODEL:key=value,key=value. */
import type { CompareCommand } from '../contract/host-contract.ts';
import { Arguments, badArgument } from './arguments.ts';
import { computeFrom, modelFrom } from './shared-options.ts';

type Variant = CompareCommand['variants'][number];

/** Names of a suffix, each that of the option that is the default of all variants. */
const keys = ['engine', 'arithmetic', 'device', 'threads', 'memory-budget', 'kv-codec', 'label'];
const suffix = /^(.+?):([a-z-]+=[^,=]*(?:,[a-z-]+=[^,=]*)*)$/;

/** `given`: defaults of all variants. Throws bad-request for a key that is none. */
export function variantFrom(argument: string, given: Arguments): Variant {
  const [, name = argument, settings = ''] = suffix.exec(argument) ?? [];
  const own =
    settings === '' ? {} : Object.fromEntries(settings.split(',').map((setting) => settingOf(setting)));
  const defaults = Object.fromEntries(keys.map((key) => [key, given.text(key)]));
  const chosen = new Arguments([], { ...defaults, ...own });
  return {
    model: modelFrom(name),
    label: chosen.text('label') ?? null,
    compute: computeFrom(chosen),
    kvCodec: chosen.oneOf('kv-codec', ['f32', 'f16', 'q8']),
  };
}

function settingOf(setting: string): [string, string] {
  const [key = '', value = ''] = setting.split('=');
  if (keys.includes(key)) return [key, value];
  throw badArgument(`A variant has no ${key}: ${keys.join(', ')}.`);
}
