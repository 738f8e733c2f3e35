/** What a person is told of a database that was replaced. */
import type { Notice } from '../../contract/page-contract.ts';
import type { Recovery } from './recovery.ts';

export function noticeOf(recovery: Recovery): Pick<Notice, 'level' | 'message'> {
  switch (recovery.kind) {
    case 'missing':
      return {
        level: 'warning',
        message:
          `The database of chats could not be read: ${recovery.why}. A new one was begun. ${backupSentence(recovery, 'lies in the folder “backups” and was left there')}`.trim(),
      };
    case 'finished':
      return {
        level: 'warning',
        message: `The database of chats was damaged and has been replaced; the start before was cut short while it was. ${kept(recovery)} ${holds(recovery)}`,
      };
    case 'replaced':
      return {
        level: recovery.isIncomplete ? 'error' : 'warning',
        message: `The database of chats was damaged: ${sentence(recovery.why)} ${kept(recovery)} ${saved(recovery)} ${holds(recovery)}`,
      };
  }
}

function kept({ keptAs }: Recovery): string {
  return keptAs === null
    ? 'There was no file to keep.'
    : `The damaged file is kept in the data folder as ${keptAs}.`;
}

function saved(recovery: Recovery): string {
  if (!recovery.isIncomplete) return 'Everything in it could be read and was saved.';
  const missing = 'Parts of it could not be read.';
  return recovery.backup === null
    ? `${missing} There is no backup; what could be read was saved.`
    : `${missing} ${backupSentence(recovery, 'was restored, and what could be read was added')}`;
}

function backupSentence({ backup }: Recovery, what: string): string {
  return backup === null
    ? ''
    : `The backup of ${dateOf(backup.at)} with ${counted(backup.chats, 'chat')} ${what}.`;
}

function holds({ chats, messages }: Recovery): string {
  return `Now there are ${counted(chats, 'chat')} with ${counted(messages, 'message')}.`;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-GB')} ${what}${count === 1 ? '' : 's'}`;
}

function dateOf(time: number): string {
  return new Date(time).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' });
}

/** SQLite’s words do not end in a full stop. */
function sentence(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return /[.…]$/.test(short) ? short : `${short}.`;
}
