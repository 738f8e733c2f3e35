/** `retort …`: one process that holds the host; engines are its children and end with it. */
import { createHost, openPageHost } from '../host/host.ts';
import { nodeEngineStarter } from '../host/engines/engine-starter.ts';
import { retortVersion } from '../host/version.ts';
import { hostContract } from '../contract/host-contract.ts';
import { errorTable, toLabError } from '../contract/errors.ts';
import { portPair } from '../contract/port.ts';
import { connect } from '../contract/rpc-client.ts';
import { badArgument, readArguments } from './arguments.ts';
import { helpOf, type Command } from './command.ts';
import { bench } from './commands/bench.ts';
import { cache } from './commands/cache.ts';
import { caches } from './commands/caches.ts';
import { chat } from './commands/chat.ts';
import { compare } from './commands/compare.ts';
import { estimate } from './commands/estimate.ts';
import { inspect } from './commands/inspect.ts';
import { jobs } from './commands/jobs.ts';
import { logits } from './commands/logits.ts';
import { models } from './commands/models.ts';
import { pack } from './commands/pack.ts';
import { perplexity } from './commands/perplexity.ts';
import { quantize } from './commands/quantize.ts';
import { run } from './commands/run.ts';
import { runs } from './commands/runs.ts';
import { serve } from './commands/serve.ts';
import { tokenize } from './commands/tokenize.ts';
import { folders } from '../host/folders.ts';
import { Output } from './output.ts';

const commands: readonly Command[] = [
  run,
  chat,
  serve,
  logits,
  tokenize,
  inspect,
  estimate,
  models,
  pack,
  quantize,
  perplexity,
  compare,
  bench,
  jobs,
  runs,
  cache,
  caches,
];

function usage(): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`);
  return `Retort: a lab for local language models

  retort COMMAND … [--json]     retort COMMAND --help     retort --version

${lines.join('\n')}

MODEL is a library name (retort models list), a .gguf file, a pack, or a model's folder.
`;
}

async function main(argv: readonly string[]): Promise<number> {
  const output = new Output(argv.includes('--json'));
  try {
    return await dispatch(argv, output);
  } catch (error) {
    const { code, message, detail } = toLabError(error);
    if (output.isJson) output.json({ error: { code, message, detail } });
    else output.note(`retort: ${message}`);
    return errorTable[code].exit;
  }
}

async function dispatch(argv: readonly string[], output: Output): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined && process.stdin.isTTY) return runCommand(chat, [], output);
  if (first === undefined || first === '--help' || first === 'help') {
    output.write(usage());
    return 0;
  }
  if (first === '--version') {
    output.line(retortVersion());
    return 0;
  }
  const command = commands.find(({ name }) => name === first);
  if (!command) {
    const what = first.startsWith('-') ? 'option' : 'command';
    throw badArgument(`There is no ${what} ${first}. See retort --help.`);
  }
  return runCommand(command, rest, output);
}

async function runCommand(command: Command, argv: readonly string[], output: Output): Promise<number> {
  const given = readArguments(argv, command.options);
  if (given.has('help')) {
    output.write(helpOf(command));
    return 0;
  }
  const options = { ...folders(), starter: nodeEngineStarter };
  const pages = command.pageHost ? await openPageHost({ ...options, ...command.pageHost(given) }) : null;
  const host = pages ?? createHost(options);
  const [here, there] = portPair();
  host.serve(there);
  const stop = stopSignal();
  try {
    return await command.run(given, { client: connect(here, hostContract), pages, signal: stop, output });
  } finally {
    await host.close();
    here.close();
  }
}

/** A launcher may pass on a Ctrl-C that the terminal sent to this process too: one press, two signals. */
const samePressMs = 500;

/** The first Ctrl-C, or a reader of stdout that went away, asks the command to end with what it has; a second Ctrl-C ends everything. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let pressedAt = 0;
  const stop = () => {
    // Engines end with their parent.
    if (pressedAt > 0 && performance.now() - pressedAt > samePressMs) {
      process.exit(errorTable.cancelled.exit);
    }
    pressedAt ||= performance.now();
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.stdout.on('error', () => controller.abort());
  return controller.signal;
}

process.exitCode = await main(process.argv.slice(2));
