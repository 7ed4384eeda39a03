-- Who treated which runs in bulk. `asked` is canonical JSON: the filter and what was asked, without payloads. A
-- request may come in several calls, those of which `open_calls` have not ended, or never will.

CREATE TABLE bulk_operations (
    workspace_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    asked TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    touched_at TEXT NOT NULL,
    calls INTEGER NOT NULL,
    open_calls INTEGER NOT NULL,
    matched BIGINT NOT NULL,
    done BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, request_id)
);

CREATE INDEX bulk_operations_begun ON bulk_operations (workspace_id, begun_at, request_id);

CREATE INDEX bulk_operations_touched ON bulk_operations (touched_at);

-- The record outlives the run, so that its column is none of those that are deleted with a run.

CREATE TABLE bulk_failures (
    workspace_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    failed_run TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (workspace_id, request_id, failed_run)
);
