#!/usr/bin/env node
// Starts Retort's command line under Node 24 and stands in for it. Needs nothing installed, and installs and builds what is missing first.
import { buildApp } from '../scripts/build.mjs';
import { setUp, SetUpError } from '../scripts/set-up.mjs';
import { standInForRetort } from '../scripts/stand-in.mjs';

try {
  const args = process.argv.slice(2);
  const node = await setUp();
  if (args[0] === 'serve' && !args.includes('--help')) await buildApp({ node });
  await standInForRetort(node, args);
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
