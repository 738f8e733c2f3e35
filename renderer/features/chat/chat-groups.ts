/** The chat list as rows: headings by age between the chats. */
import type { ChatSummary } from '../../../electron/contract/chats.ts';

export type ListRow =
  | { readonly kind: 'heading'; readonly label: string }
  | { readonly kind: 'chat'; readonly chat: ChatSummary };

function startOfDay(time: number, daysBefore = 0): number {
  const day = new Date(time);
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() - daysBefore);
  return day.getTime();
}

const monthOf = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric' });

function ageLabel(changedAt: number, now: number): string {
  if (changedAt >= startOfDay(now)) return 'Today';
  if (changedAt >= startOfDay(now, 1)) return 'Yesterday';
  if (changedAt >= startOfDay(now, 7)) return 'Last week';
  if (changedAt >= startOfDay(now, 30)) return 'Last month';
  return monthOf.format(changedAt);
}

/** `chats`: pinned ones first, then the latest. */
export function listRows(chats: readonly ChatSummary[], now: number): readonly ListRow[] {
  const rows: ListRow[] = [];
  let last: string | null = null;
  for (const chat of chats) {
    const label = chat.isPinned ? 'Pinned' : ageLabel(chat.changedAt, now);
    if (label !== last) rows.push({ kind: 'heading', label });
    last = label;
    rows.push({ kind: 'chat', chat });
  }
  return rows;
}
