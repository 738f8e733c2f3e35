import { readdirSync, readFileSync } from 'node:fs';

/** A process and what it started, without those that `isApart` and what these started. On Linux; elsewhere the process alone. */
export function processTree(root: number, isApart: (pid: number) => boolean): number[] {
  const tree = [root];
  // The list grows while it is read.
  for (const pid of tree) tree.push(...childrenOf(pid).filter((child) => !isApart(child)));
  return tree;
}

function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) => numbersIn(`/proc/${pid}/task/${thread}/children`));
  } catch {
    return [];
  }
}

function numbersIn(file: string): number[] {
  const text = readFileSync(file, 'latin1').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
