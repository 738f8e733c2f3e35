/** The schema, as the steps that led to it. A step that was released is never changed: a new one is added. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE models (
    name TEXT PRIMARY KEY, title TEXT NOT NULL, path TEXT NOT NULL, format TEXT NOT NULL,
    architecture TEXT NOT NULL, bytes INTEGER NOT NULL, added_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, phase TEXT NOT NULL,
    done REAL NOT NULL, total REAL NOT NULL, error TEXT, host TEXT NOT NULL, cancel_asked INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, ended_at INTEGER
  ) STRICT;
  CREATE INDEX jobs_by_state ON jobs (state);
  CREATE TABLE runs (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, model_name TEXT NOT NULL, engine TEXT NOT NULL,
    arithmetic TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_time ON runs (at);
  `,
];
