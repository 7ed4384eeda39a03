-- Facts. A line is what may be said of one subject under one predicate in one scope (and, where several values
-- hold side by side, of one value). `head` counts its changes; `claim` marks the row for the statements that
-- follow in the same transaction, which do nothing once the line is gone. `person`: the one who sees it.

CREATE TABLE fact_lines (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    id TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner TEXT NOT NULL,
    person TEXT NOT NULL,
    subject TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    predicate TEXT NOT NULL,
    value_key TEXT NOT NULL,
    head BIGINT NOT NULL DEFAULT 0,
    claim TEXT NOT NULL DEFAULT '',
    changed_at TEXT NOT NULL,
    uses BIGINT NOT NULL DEFAULT 0,
    used_at TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, scope, owner, person, subject_key, predicate, value_key)
);

CREATE INDEX fact_lines_of_person ON fact_lines (workspace_id, person);

-- One row for each recorded version. Valid and recorded times are half open; what has no bound ends in the year
-- 9999, or begins in the year 1, so that all of them compare as text.

CREATE TABLE facts (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    line TEXT NOT NULL,
    value TEXT NOT NULL,
    value_key TEXT NOT NULL,
    language TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    retracted_at TEXT NOT NULL,
    confidence BIGINT NOT NULL,
    importance BIGINT NOT NULL,
    origin TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id, version)
);

CREATE INDEX facts_of_line ON facts (workspace_id, line);

CREATE INDEX facts_listed ON facts (workspace_id, recorded_at, id);

-- `first_version` to `last_version`: of the fact, which rest on it.

CREATE TABLE fact_supports (
    workspace_id TEXT NOT NULL,
    line TEXT NOT NULL,
    fact_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    quote TEXT NOT NULL,
    at TEXT NOT NULL,
    first_version BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, fact_id, kind, ref, first_version)
);

CREATE INDEX fact_supports_of ON fact_supports (workspace_id, kind, ref);

CREATE INDEX fact_supports_of_line ON fact_supports (workspace_id, line);

-- Messages that were listened to: what somebody has forgotten is not read in them again.

CREATE TABLE fact_heard (
    workspace_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, thread_id, number)
);

CREATE TABLE fact_erasures (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at TEXT NOT NULL,
    erased_by TEXT NOT NULL,
    what TEXT NOT NULL,
    facts BIGINT NOT NULL,
    versions BIGINT NOT NULL,
    supports BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE fact_policies (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL
);

-- How far the keepers of what facts rest on had changed when the supports in it were looked up last.

CREATE TABLE fact_sources (
    workspace_id TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (workspace_id, source)
);
