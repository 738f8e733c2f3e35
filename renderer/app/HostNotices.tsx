import { X } from 'lucide-react';
import { IconButton } from '../ui/IconButton.tsx';
import { Notice } from '../ui/Notice.tsx';
import { useApp, useAppActions } from './app-context.ts';

/** What the host has to say of its own accord, and whether the host is there at all. */
export function HostNotices() {
  const connection = useApp((state) => state.connection);
  const notices = useApp((state) => state.notices);
  const { dismissNotice } = useAppActions();
  return (
    <div className="shrink-0">
      {connection.phase === 'reconnecting' && (
        <Notice level="warning" title="Reconnecting">
          {connection.reason} Retort joins again by itself; what is on the page stays.
        </Notice>
      )}
      {connection.phase === 'refused' && (
        <Notice level="error" title="Retort did not let this page in">
          {connection.reason}
        </Notice>
      )}
      {notices.map(({ id, level, message }) => (
        <Notice
          key={id}
          level={level}
          title={message}
          actions={
            <IconButton icon={X} size="small" label="Dismiss" onClick={() => void dismissNotice(id)} />
          }
        />
      ))}
    </div>
  );
}
