-- The ledger of money: bookings, which are only ever added. Each moves amounts between what can be spent, what
-- is set aside and what is spent, and balances by itself. It outlives the run, so that its column is none of
-- those that are deleted with a run; `day` is that of the reservation, so that what belongs together goes
-- together.

CREATE TABLE ledger_entries (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    run TEXT NOT NULL,
    seq BIGINT NOT NULL,
    n BIGINT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    day TEXT NOT NULL,
    call TEXT NOT NULL,
    root TEXT NOT NULL,
    task TEXT NOT NULL,
    agent TEXT NOT NULL,
    version TEXT NOT NULL,
    user_id TEXT NOT NULL,
    team TEXT NOT NULL,
    tags TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    served TEXT NOT NULL,
    purpose TEXT NOT NULL,
    thread TEXT NOT NULL,
    schedule TEXT NOT NULL,
    scopes TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    price TEXT NOT NULL,
    estimate_micros BIGINT NOT NULL,
    available_micros BIGINT NOT NULL,
    reserved_micros BIGINT NOT NULL,
    spent_micros BIGINT NOT NULL,
    CHECK (available_micros + reserved_micros + spent_micros = 0),
    PRIMARY KEY (workspace_id, run, seq, n)
);

CREATE INDEX ledger_entries_day ON ledger_entries (workspace_id, day, run, seq, n);

CREATE INDEX ledger_entries_old ON ledger_entries (day);
