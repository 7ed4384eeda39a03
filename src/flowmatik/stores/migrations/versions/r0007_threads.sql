-- Conversations. `turn` counts the runs that answer; one is on while `turn_open` is 1, whose `run_id` is known
-- once it has been created. `superseded`: it is being cancelled for a later message. `claim` marks a row for
-- the statements that follow in the same transaction.

CREATE TABLE threads (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    agent TEXT NOT NULL,
    interrupt TEXT NOT NULL,
    history BIGINT,
    language TEXT NOT NULL,
    sources TEXT NOT NULL,
    budget_micros BIGINT,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    last_no BIGINT NOT NULL DEFAULT 0,
    turn BIGINT NOT NULL DEFAULT 0,
    turn_open BIGINT NOT NULL DEFAULT 0,
    superseded BIGINT NOT NULL DEFAULT 0,
    run_id TEXT NOT NULL DEFAULT '',
    claim TEXT NOT NULL DEFAULT '',
    summary TEXT NOT NULL DEFAULT '',
    summary_upto BIGINT NOT NULL DEFAULT 0,
    UNIQUE (workspace_id, key)
);

CREATE INDEX threads_listed ON threads (workspace_id, id);

CREATE INDEX threads_at_work ON threads (workspace_id, run_id) WHERE turn_open = 1;

-- `turn`: the one that answers a message; 0 while none does, -1 when a person has replied.

CREATE TABLE thread_messages (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    thread_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    role TEXT NOT NULL,
    code TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    at TEXT NOT NULL,
    key TEXT NOT NULL,
    turn BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (thread_id, number),
    UNIQUE (thread_id, key)
);

CREATE INDEX thread_messages_waiting ON thread_messages (workspace_id, thread_id) WHERE role = 'person' AND turn = 0;
