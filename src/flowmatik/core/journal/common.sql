-- Statements that SQLite and PostgreSQL read alike.

-- name: read
-- A page of a run's events.
SELECT seq, type, payload, at FROM run_events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: head
-- One head row.
SELECT run_id, workspace_id, status, head_seq, epoch, owner, inbox_tail, inbox_seen, last_append_id,
    created_at, ended_at, goal, cost_micros, unpriced,
    agent, priority, parent, parent_wait, decision_version
FROM runs WHERE run_id = $1;

-- name: run_by_key
-- The run that a workspace created with this idempotency key.
SELECT run_id FROM runs WHERE workspace_id = $1 AND idempotency_key = $2 AND idempotency_key <> '';

-- name: foreign
-- The first runs that have not ended and were begun by another version of the decision logic than these, and how
-- many there are. Reads two ends of a partial index.
SELECT run_id, decision_version, count(*) OVER () FROM (
    SELECT run_id, decision_version FROM runs
    WHERE ended_at = '' AND decision_version >= 0 AND decision_version < $1
    UNION ALL
    SELECT run_id, decision_version FROM runs WHERE ended_at = '' AND decision_version > $2
) AS others ORDER BY run_id LIMIT $3;

-- name: unheard
-- An owner's runs with inputs that it has not consumed. Without the second condition, which says nothing
-- new, the index of owned runs could not be used: every look would read all runs that there are.
SELECT run_id FROM runs WHERE owner = $1 AND owner <> '' AND ended_at = '' AND inbox_tail > inbox_seen
ORDER BY run_id LIMIT $2;

-- name: inbox
-- Inputs after the ones that the owner has seen.
SELECT input_no, input_id, kind, payload, at FROM run_inbox
WHERE run_id = $1 AND input_no > $2 ORDER BY input_no;

-- name: retire_worker
-- The worker's runs are orphans from now on.
DELETE FROM workers WHERE owner = $1;

-- name: outbox
-- Pointers not relayed yet. A run's pointers never overlap and commit in seq order.
SELECT run_id, workspace_id, from_seq, to_seq FROM outbox ORDER BY run_id, from_seq LIMIT $1;

-- name: subscriber_seq
-- How far a subscriber has come in a run.
SELECT seq FROM subscriber_positions WHERE subscriber = $1 AND run_id = $2;

-- name: register_subscriber
-- Its name stands for it across processes; a second time only changes whether it is ordered.
INSERT INTO subscribers (name, ordered, since) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET ordered = excluded.ordered WHERE subscribers.ordered <> excluded.ordered;

-- name: set_subscriber_seq
-- Record it, under the run's workspace; a place never moves back. Whoever has come as far as pointers said
-- is not behind, unless the run is taken or there is a redrive to do: `finish_run` says then.
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq)
SELECT $1, run_id, workspace_id, $3 FROM runs WHERE run_id = $2
ON CONFLICT (subscriber, run_id) DO UPDATE SET seq = excluded.seq,
    behind = CASE WHEN excluded.seq >= subscriber_positions.upto AND subscriber_positions.taken_by = ''
            AND subscriber_positions.asked = 0
        THEN 0 ELSE subscriber_positions.behind END
WHERE excluded.seq >= subscriber_positions.seq;

-- name: behind
-- Runs that went on without this subscriber, but for those that a dead letter parks for it until somebody
-- asks for a redrive.
SELECT p.run_id, p.workspace_id, p.seq, p.tries, p.asked
FROM subscriber_positions p JOIN subscribers s ON s.name = p.subscriber
WHERE p.subscriber = $1 AND p.behind = 1 AND (s.ordered = 0 OR p.asked > 0 OR NOT EXISTS (
    SELECT 1 FROM dead_letters d WHERE d.subscriber = p.subscriber AND d.run_id = p.run_id))
ORDER BY p.run_id LIMIT $2;

-- name: parked
-- Where a dead letter keeps back what came after it.
SELECT DISTINCT d.subscriber, d.run_id
FROM dead_letters d JOIN subscribers s ON s.name = d.subscriber WHERE s.ordered = 1;

-- name: release_relay
-- Whoever comes next need not wait for the lease to end.
DELETE FROM relay_leases WHERE owner = $1;

-- name: dead_letter
-- One letter per subscriber and event; its attempts add up.
INSERT INTO dead_letters (subscriber, run_id, workspace_id, seq, error, attempts, at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (subscriber, run_id, seq) DO UPDATE
SET error = excluded.error, attempts = dead_letters.attempts + excluded.attempts, at = excluded.at;

-- name: dead_letters
-- A workspace's, oldest first, after a cursor ('' begins).
SELECT subscriber, run_id, workspace_id, seq, error, attempts, at FROM dead_letters
WHERE workspace_id = $1 AND ($2 = '' OR (at, subscriber, run_id, seq) > ($2, $3, $4, $5))
ORDER BY at, subscriber, run_id, seq LIMIT $6;

-- name: dead_letters_of
-- What one subscriber refused of one run.
SELECT subscriber, run_id, workspace_id, seq, error, attempts, at FROM dead_letters
WHERE subscriber = $1 AND run_id = $2 ORDER BY seq;

-- name: count_dead_letters
-- How many there are for each subscriber.
SELECT subscriber, count(*) FROM dead_letters GROUP BY subscriber;

-- name: drop_dead_letter
-- After a redrive.
DELETE FROM dead_letters WHERE subscriber = $1 AND run_id = $2 AND seq = $3;
