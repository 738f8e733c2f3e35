/** `node settings-child.ts HOME FIRST`: changes the settings without end, counting threads up from FIRST, and tells of each change once it is acknowledged. */
import { AppEvents } from '../../electron/host/events.ts';
import { Notices } from '../../electron/host/notices/notices.ts';
import { SettingsFile } from '../../electron/host/settings/settings-file.ts';

const [home = '', first = '1'] = process.argv.slice(2);
const events = new AppEvents();
const settings = new SettingsFile(home, { events, notices: new Notices(events) });
for (let threads = Number(first); ; threads = (threads % 1000) + 1) {
  await settings.change({ threads, draft: 'x'.repeat(10_000 * (threads % 50)) });
  await new Promise((resolve) => process.send?.(threads, resolve));
}
