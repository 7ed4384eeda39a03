-- Who must not miss an event, also while its process is away. Its name is the same for every workspace.

CREATE TABLE subscribers (
    name TEXT NOT NULL PRIMARY KEY,
    ordered BIGINT NOT NULL DEFAULT 1,
    since TEXT NOT NULL
);

ALTER TABLE subscriber_positions ADD COLUMN behind BIGINT NOT NULL DEFAULT 0;

CREATE INDEX positions_behind ON subscriber_positions (subscriber, run_id) WHERE behind = 1;

-- The counters of a process are no subscriber that must not miss anything; nothing is kept for them.

DELETE FROM subscriber_positions WHERE subscriber = 'metrics';

DELETE FROM dead_letters WHERE subscriber = 'metrics';
