-- Statements of the SQLite journal; several of them make one transaction on the one writer.

-- name: create_run
-- The head row of a new run, owned at once if its creation names an owner.
INSERT INTO runs (run_id, workspace_id, status, head_seq, created_at, idempotency_key, goal,
    owner, epoch, ready, agent, priority, parent, parent_wait, tags, goal_folded, decision_version)
VALUES ($1, $2, 'queued', $3, $4, $5, $6, $7, $7 <> '', $7 = '', $8, $9, $10, $11, $12, $13, $14);

-- name: tag
-- One tag of a new run.
INSERT INTO run_tags (workspace_id, tag, created_at, run_id) VALUES ($1, $2, $3, $4);

-- name: event
-- One event.
INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: pointer
-- One outbox pointer.
INSERT INTO outbox (run_id, from_seq, to_seq, workspace_id) VALUES ($1, $2, $3, $4);

-- name: timer
-- A timer set again under the same id moves.
INSERT INTO timers (run_id, timer_id, workspace_id, due_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (run_id, timer_id) DO UPDATE SET due_at = excluded.due_at;

-- name: advance
-- The fence, and what else an append changes in the head row.
UPDATE runs SET
    head_seq = head_seq + $1,
    last_append_id = $2,
    inbox_seen = max(inbox_seen, $3),
    status = coalesce($4, status),
    ended_at = CASE WHEN $5 IS NULL OR ($6 AND ended_at <> '') THEN ended_at ELSE $5 END,
    cost_micros = coalesce($7, cost_micros),
    unpriced = max(unpriced, $13),
    priority = coalesce($14, priority),
    owner = CASE WHEN inbox_tail = $8 THEN '' ELSE owner END
WHERE run_id = $9 AND workspace_id = $10 AND epoch = $11 AND head_seq = $12 AND owner <> ''
    AND inbox_tail = coalesce($15, inbox_tail)
RETURNING head_seq, inbox_tail, owner;

-- name: appended_before
-- What an append answered whose acknowledgement was lost.
SELECT head_seq, inbox_tail, owner FROM runs
WHERE run_id = $1 AND workspace_id = $2 AND epoch = $3 AND last_append_id = $4;

-- name: claim
-- Take the run unless it has ended, another live worker owns it, or none of these versions began it.
UPDATE runs SET epoch = epoch + 1, owner = $2, ready = 0, head_seq = head_seq + 1
WHERE run_id = $1 AND ended_at = '' AND (decision_version < 0 OR decision_version BETWEEN $4 AND $5) AND (owner IN ('', $2) OR NOT EXISTS (
    SELECT 1 FROM workers WHERE workers.owner = runs.owner AND workers.expires_at > $3))
RETURNING run_id, workspace_id, status, head_seq, epoch, owner, inbox_tail, inbox_seen, last_append_id,
    created_at, ended_at, goal, cost_micros, unpriced,
    agent, priority, parent, parent_wait, decision_version;

-- name: post
-- Room for one more input; a parked run becomes ready.
UPDATE runs SET inbox_tail = inbox_tail + 1,
    ready = CASE WHEN owner = '' AND ended_at = '' THEN 1 ELSE ready END
WHERE run_id = $1 AND NOT EXISTS (SELECT 1 FROM run_inbox WHERE run_id = $1 AND input_id = $2)
RETURNING inbox_tail, workspace_id;

-- name: input
-- The input itself.
INSERT INTO run_inbox (run_id, input_no, input_id, workspace_id, kind, payload, at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: lease_relay
-- Take or renew the right to relay; no row while another live relay has it.
INSERT INTO relay_leases (name, owner, expires_at) VALUES ('outbox', $1, $2)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE relay_leases.owner = excluded.owner OR relay_leases.expires_at <= $3
RETURNING owner;

-- name: ready
-- Runs to claim: marked ready, or owned by a dead worker. Both halves read a partial index.
SELECT run_id FROM (
    SELECT run_id, created_at FROM runs WHERE ready = 1
    UNION ALL
    SELECT run_id, created_at FROM runs WHERE owner <> '' AND ended_at = '' AND NOT EXISTS (
        SELECT 1 FROM workers WHERE workers.owner = runs.owner AND workers.expires_at > $2)
) ORDER BY created_at, run_id LIMIT $1;

-- name: due_timers
-- The earliest due ones.
SELECT run_id, timer_id FROM timers WHERE due_at <= $2 ORDER BY due_at, run_id, timer_id LIMIT $1;

-- name: drop_timer
-- A timer fires once.
DELETE FROM timers WHERE run_id = $1 AND timer_id = $2;

-- name: register_worker
-- A new lease.
INSERT INTO workers (owner, expires_at, slots) VALUES ($1, $2, $3)
ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at, slots = excluded.slots;

-- name: renew_worker
-- Only a lease that has not run out can be renewed.
UPDATE workers SET expires_at = $2 WHERE owner = $1 AND expires_at > $3;

-- name: relayed
-- The pointer has reached the bus.
DELETE FROM outbox WHERE run_id = $1 AND from_seq = $2;

-- name: absent
-- Registered subscribers that are none of these.
SELECT name FROM subscribers WHERE name NOT IN (SELECT value FROM json_each($1));

-- name: left_behind
-- The subscriber was not there: it stays behind in the run, from before this pointer if it is its first.
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq, behind, upto)
VALUES ($1, $2, $3, $4 - 1, 1, $5) ON CONFLICT (subscriber, run_id) DO UPDATE SET
    upto = max(upto, excluded.upto),
    behind = CASE WHEN seq < excluded.upto THEN 1 ELSE behind END;

-- name: forget_workers
-- At the start of the only engine process, every earlier worker is dead.
DELETE FROM workers;

-- name: forget_relays
-- And so is every earlier relay.
DELETE FROM relay_leases;
