/** A chat is a tree of messages; what is shown is one branch of it, from the first message to a leaf. */
import type { Message } from '../../../electron/contract/chats.ts';

export type Messages = ReadonlyMap<string, Message>;

function byParentOf(messages: Messages): ReadonlyMap<string | null, readonly Message[]> {
  const byParent = new Map<string | null, Message[]>();
  for (const message of messages.values()) {
    const siblings = byParent.get(message.parentId);
    if (siblings) siblings.push(message);
    else byParent.set(message.parentId, [message]);
  }
  return byParent;
}

export interface BranchEntry {
  readonly message: Message;
  /** Its siblings' ids and its own place among them. */
  readonly siblings: readonly string[];
  readonly index: number;
}

/** From the first message to `leafId`, each with its siblings. A leaf that is not there gives an empty branch. */
export function branchTo(messages: Messages, leafId: string | null): readonly BranchEntry[] {
  const byParent = byParentOf(messages);
  const branch: BranchEntry[] = [];
  const seen = new Set<string>();
  let message = leafId === null ? undefined : messages.get(leafId);
  while (message && !seen.has(message.id)) {
    seen.add(message.id);
    const siblings = (byParent.get(message.parentId) ?? []).map(({ id }) => id);
    branch.push({ message, siblings, index: siblings.indexOf(message.id) });
    message = message.parentId === null ? undefined : messages.get(message.parentId);
  }
  return branch.reverse();
}

/** Where a branch through `id` leads when at each fork the latest message is taken. */
export function latestLeafBelow(messages: Messages, id: string): string {
  const byParent = byParentOf(messages);
  let leaf = id;
  for (;;) {
    const next = byParent.get(leaf)?.at(-1);
    if (!next) return leaf;
    leaf = next.id;
  }
}

/** The ends of all branches, in the order in which they were made. */
export function leavesOf(messages: Messages): readonly string[] {
  const parents = new Set([...messages.values()].map(({ parentId }) => parentId));
  return [...messages.keys()].filter((id) => !parents.has(id));
}
