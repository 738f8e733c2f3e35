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
  // Explicit integer keys: they order rows whatever the clock says, and the text indexes refer to them, so that VACUUM must not change them.
  // A growing reply is written each second and indexed once it ends; a reply that ended never grows again.
  `
  CREATE TABLE chats (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, has_own_title INTEGER NOT NULL,
    is_pinned INTEGER NOT NULL, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, deleted_at INTEGER,
    message_count INTEGER NOT NULL DEFAULT 0, model_title TEXT, tokens INTEGER NOT NULL DEFAULT 0, leaf_id TEXT,
    max_tokens INTEGER, sampling TEXT NOT NULL, system_prompt TEXT NOT NULL, draft TEXT NOT NULL
  ) STRICT;
  CREATE INDEX chats_by_change ON chats (changed_at);
  CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    chat_id TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE, parent_id TEXT, role TEXT NOT NULL, state TEXT NOT NULL,
    created_at INTEGER NOT NULL, reply TEXT, files TEXT NOT NULL, text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX messages_by_chat ON messages (chat_id);
  CREATE INDEX messages_streaming ON messages (chat_id) WHERE state = 'streaming';
  CREATE TABLE timelines (
    message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE, data BLOB NOT NULL
  ) STRICT;
  CREATE TRIGGER messages_counted AFTER INSERT ON messages BEGIN
    UPDATE chats SET message_count = message_count + 1 WHERE id = new.chat_id;
  END;
  CREATE VIRTUAL TABLE chat_titles USING fts5 (
    title, content = 'chats', content_rowid = 'sequence', tokenize = 'unicode61 remove_diacritics 2'
  );
  CREATE TRIGGER chat_titles_insert AFTER INSERT ON chats BEGIN
    INSERT INTO chat_titles (rowid, title) VALUES (new.sequence, new.title);
  END;
  CREATE TRIGGER chat_titles_update AFTER UPDATE OF title ON chats BEGIN
    INSERT INTO chat_titles (chat_titles, rowid, title) VALUES ('delete', old.sequence, old.title);
    INSERT INTO chat_titles (rowid, title) VALUES (new.sequence, new.title);
  END;
  CREATE TRIGGER chat_titles_delete AFTER DELETE ON chats BEGIN
    INSERT INTO chat_titles (chat_titles, rowid, title) VALUES ('delete', old.sequence, old.title);
  END;
  CREATE VIEW ended_messages AS SELECT sequence, text FROM messages WHERE state <> 'streaming';
  CREATE VIRTUAL TABLE message_texts USING fts5 (
    text, content = 'ended_messages', content_rowid = 'sequence', tokenize = 'unicode61 remove_diacritics 2'
  );
  CREATE TRIGGER message_texts_insert AFTER INSERT ON messages WHEN new.state <> 'streaming' BEGIN
    INSERT INTO message_texts (rowid, text) VALUES (new.sequence, new.text);
  END;
  CREATE TRIGGER message_texts_end AFTER UPDATE OF state ON messages WHEN old.state = 'streaming' AND new.state <> 'streaming' BEGIN
    INSERT INTO message_texts (rowid, text) VALUES (new.sequence, new.text);
  END;
  CREATE TRIGGER message_texts_update AFTER UPDATE OF text ON messages WHEN old.state <> 'streaming' BEGIN
    INSERT INTO message_texts (message_texts, rowid, text) VALUES ('delete', old.sequence, old.text);
    INSERT INTO message_texts (rowid, text) VALUES (new.sequence, new.text);
  END;
  CREATE TRIGGER message_texts_delete AFTER DELETE ON messages WHEN old.state <> 'streaming' BEGIN
    INSERT INTO message_texts (message_texts, rowid, text) VALUES ('delete', old.sequence, old.text);
  END;
  `,
  // The latest reply of each model with each way to load it.
  `
  CREATE TABLE measurements (
    model_identity TEXT NOT NULL, context INTEGER NOT NULL, kv_codec TEXT NOT NULL, threads INTEGER NOT NULL, at INTEGER NOT NULL,
    total_bytes REAL NOT NULL, used_context INTEGER NOT NULL, tokens_per_second REAL NOT NULL, bytes_per_second REAL,
    PRIMARY KEY (model_identity, context, kv_codec, threads)
  ) STRICT, WITHOUT ROWID;
  `,
  // Streamed models: a budget of memory is a way to load them too (-1: auto; -2: none, all weights in memory).
  `
  CREATE TABLE measurements_by_budget (
    model_identity TEXT NOT NULL, context INTEGER NOT NULL, kv_codec TEXT NOT NULL, threads INTEGER NOT NULL,
    memory_budget INTEGER NOT NULL, at INTEGER NOT NULL, total_bytes REAL NOT NULL, used_context INTEGER NOT NULL,
    tokens_per_second REAL NOT NULL, bytes_per_second REAL, read_bytes_per_token REAL, hit_rate REAL,
    PRIMARY KEY (model_identity, context, kv_codec, threads, memory_budget)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO measurements_by_budget
    SELECT model_identity, context, kv_codec, threads, -2, at, total_bytes, used_context, tokens_per_second, bytes_per_second, NULL, NULL
    FROM measurements;
  DROP TABLE measurements;
  ALTER TABLE measurements_by_budget RENAME TO measurements;
  CREATE TABLE expert_uses (model_identity TEXT PRIMARY KEY, at INTEGER NOT NULL, uses TEXT NOT NULL) STRICT;
  `,
  // Jobs that can be gone on with: what was asked for and the parts that are done. Runs: what a list shows, so that it reads no records; null in
  // runs of before, whose records are small.
  `
  ALTER TABLE jobs ADD COLUMN request TEXT;
  ALTER TABLE jobs ADD COLUMN resumes_itself INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE jobs ADD COLUMN run_id TEXT;
  CREATE TABLE job_parts (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, part TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job_id, part)
  ) STRICT;
  ALTER TABLE runs ADD COLUMN title TEXT;
  ALTER TABLE runs ADD COLUMN machine TEXT;
  ALTER TABLE runs ADD COLUMN headlines TEXT;
  `,
];
