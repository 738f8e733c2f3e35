/** The app as a user who is not root: what Chromium's sandbox needs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.ts';

const user = 'nobody';
const group = 'nogroup';

/** Only root can start a program as somebody else. */
export const canBeOtherUser = process.platform === 'linux' && process.getuid?.() === 0;

export interface OtherUser {
  /** Starts the program as that user. */
  readonly program: string;
  /** The project as that user sees it, who may not enter the folders above it. */
  readonly root: string;
  pathOf(path: string): string;
}

/** Gives `home` to the user and writes a script into it that stands for `program`. */
export function otherUser(home: string, program: string): OtherUser {
  const place = join(home, 'project');
  const pathOf = (path: string) => (path.startsWith(root) ? join(place, path.slice(root.length)) : path);
  mkdirSync(place);
  const script = join(home, 'as-other-user.sh');
  const lines = [
    '#!/bin/sh',
    // The mount is seen by this process and its children alone, and ends with them.
    `exec unshare --mount sh -c 'mount --bind "${root}" "${place}" && exec setpriv --reuid=${user} --regid=${group} --clear-groups "${pathOf(program)}" "$@"' "$0" "$@"`,
  ];
  writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 });
  execFileSync('chown', ['--recursive', `${user}:${group}`, home]);
  return { program: script, root: place, pathOf };
}
