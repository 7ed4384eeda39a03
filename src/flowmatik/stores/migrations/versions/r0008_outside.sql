-- Calls of models outside of runs. A row is written before the call begins, with what is set aside for it
-- (`requested`), gets what came of it once (`outcome`), and after that is settled with the caps; the ledger
-- books it from here, as it books runs from their journals. `expires_at`: whoever made the call is dead by then.
-- `booked` is 0, 1 (its reservation), 2 (its end). What it draws on caps is in `allotments`, by its id.

CREATE TABLE outside_calls (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    call_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    requested TEXT NOT NULL,
    ended_at TEXT NOT NULL DEFAULT '',
    outcome_type TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT '',
    spent_micros BIGINT NOT NULL DEFAULT 0,
    settled BIGINT NOT NULL DEFAULT 0,
    booked BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, call_id)
);

CREATE INDEX outside_calls_at ON outside_calls (workspace_id, at);

CREATE INDEX outside_calls_old ON outside_calls (at);

CREATE INDEX outside_calls_open ON outside_calls (expires_at) WHERE ended_at = '';

CREATE INDEX outside_calls_unsettled ON outside_calls (ended_at) WHERE settled = 0 AND ended_at <> '';

CREATE INDEX outside_calls_unbooked ON outside_calls (at) WHERE booked < 2;
