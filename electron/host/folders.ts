import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Folders {
  readonly home: string;
  readonly cache: string;
}

/**
 * Where data and caches lie: $RETORT_HOME and $RETORT_CACHE, else the system's usual places. A home of one's own keeps its cache inside,
 * so that nothing of it lies elsewhere.
 */
export function folders(env: NodeJS.ProcessEnv = process.env, platform = process.platform): Folders {
  const own = env['RETORT_HOME'];
  const usual = usualFolders(env, platform);
  const home = own ? resolve(own) : usual.home;
  const cache = env['RETORT_CACHE'];
  return { home, cache: cache ? resolve(cache) : own ? join(home, 'cache') : usual.cache };
}

function usualFolders(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): Folders {
  const user = homedir();
  if (platform === 'win32') {
    const local = join(env['LOCALAPPDATA'] ?? join(user, 'AppData', 'Local'), 'Retort');
    return { home: join(local, 'data'), cache: join(local, 'cache') };
  }
  if (platform === 'darwin') {
    const library = join(user, 'Library');
    return { home: join(library, 'Application Support', 'Retort'), cache: join(library, 'Caches', 'Retort') };
  }
  return {
    home: join(env['XDG_DATA_HOME'] ?? join(user, '.local', 'share'), 'retort'),
    cache: join(env['XDG_CACHE_HOME'] ?? join(user, '.cache'), 'retort'),
  };
}
