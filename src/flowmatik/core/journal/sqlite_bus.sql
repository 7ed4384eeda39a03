-- The bus between processes, as SQLite does it on its one writer.

-- name: first_pointers
-- Of some runs, all that is not relayed yet.
SELECT run_id, workspace_id, min(from_seq), max(to_seq) FROM outbox
GROUP BY run_id, workspace_id ORDER BY run_id LIMIT $1;

-- name: drop_pointers
-- A run's.
DELETE FROM outbox WHERE run_id = $1;

-- name: all_behind
-- Every subscriber falls behind in the run.
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq, behind, upto)
SELECT name, $1, $2, $3 - 1, 1, $4 FROM subscribers WHERE true
ON CONFLICT (subscriber, run_id) DO UPDATE SET upto = max(upto, excluded.upto),
    behind = CASE WHEN seq < excluded.upto THEN 1 ELSE behind END;

-- name: takeable
-- Runs in which the subscriber is behind and that no live process has for it; those whose process ended while
-- it had them come last.
SELECT p.run_id, p.workspace_id, p.seq, p.tries + (p.taken_by NOT IN ('', $2)), p.asked
FROM subscriber_positions p JOIN subscribers s ON s.name = p.subscriber
WHERE p.subscriber = $1 AND p.behind = 1 AND ($4 = '' OR p.run_id = $4)
    AND (p.taken_by IN ('', $2) OR NOT EXISTS (
        SELECT 1 FROM workers w WHERE w.owner = p.taken_by AND w.expires_at > $5))
    AND (s.ordered = 0 OR p.asked > 0 OR NOT EXISTS (
        SELECT 1 FROM dead_letters d WHERE d.subscriber = p.subscriber AND d.run_id = p.run_id))
ORDER BY p.tries + (p.taken_by NOT IN ('', $2)) > 0, p.tries, p.run_id LIMIT $3;

-- name: take
-- The run is this process's for that subscriber.
UPDATE subscriber_positions SET taken_by = $3, tries = $4 WHERE subscriber = $1 AND run_id = $2;
