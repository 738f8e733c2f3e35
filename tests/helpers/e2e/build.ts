import { fileURLToPath } from 'node:url';
import { runCommand } from '../project-copy.ts';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A bound on hanging, for a start that may have to build the addon and the app first. */
export const startLimitMs = 300_000;

/** A bound on hanging for one step of a page, on a busy machine. */
export const stepLimitMs = 30_000;
/** The same for a test of many steps. */
export const journeyLimitMs = 180_000;

/** Builds the app where its sources changed. */
export async function buildApp(): Promise<void> {
  const { code, stderr } = await runCommand(process.execPath, ['scripts/build.mjs'], { cwd: root });
  if (code !== 0) throw new Error(stderr);
}
