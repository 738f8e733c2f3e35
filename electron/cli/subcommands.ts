import { badArgument, type Arguments } from './arguments.ts';
import type { Command, Context } from './command.ts';

type Subcommand = (given: Arguments, context: Context) => Promise<void>;

/** A command whose first argument says what to do. */
export function subcommands(actions: Readonly<Record<string, Subcommand>>): Command['run'] {
  return async (given, context) => {
    const [name = '', ...rest] = given.positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    const known = Object.keys(actions).join(', ');
    if (!action)
      throw badArgument(name === '' ? `Say what to do: ${known}.` : `There is no ${name}: ${known}.`);
    await action(given.withPositionals(rest), context);
    return 0;
  };
}
