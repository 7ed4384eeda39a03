-- The bus between PostgreSQL processes.

-- name: fall_behind
-- Forget the pointers of some runs, and say in the same breath that every subscriber falls behind in them.
-- Who relays a run at this moment has its first pointer locked: others leave the whole run to it, so that a
-- place is never begun after a later pointer.
WITH picked AS MATERIALIZED (
    SELECT o.run_id FROM outbox o WHERE NOT EXISTS (
        SELECT 1 FROM outbox e WHERE e.run_id = o.run_id AND e.from_seq < o.from_seq)
    ORDER BY o.run_id LIMIT $1 FOR UPDATE OF o SKIP LOCKED
), gone AS (
    DELETE FROM outbox o USING picked p WHERE o.run_id = p.run_id
    RETURNING o.run_id, o.workspace_id, o.from_seq, o.to_seq
), spans AS (
    SELECT run_id, workspace_id, min(from_seq) AS first, max(to_seq) AS last
    FROM gone GROUP BY run_id, workspace_id
), marked AS (
    INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq, behind, upto)
    SELECT s.name, g.run_id, g.workspace_id, g.first - 1, 1, g.last FROM spans g CROSS JOIN subscribers s
    ORDER BY s.name, g.run_id
    ON CONFLICT (subscriber, run_id) DO UPDATE SET upto = greatest(subscriber_positions.upto, excluded.upto),
        behind = CASE WHEN subscriber_positions.seq < excluded.upto THEN 1 ELSE subscriber_positions.behind END
)
SELECT run_id, workspace_id, first, last FROM spans ORDER BY run_id;

-- name: take_behind
-- Runs in which the subscriber is behind and that no live process has for it. Those whose process ended while
-- it had them come last and one at a time, so that the one that ends processes is told from its neighbours.
WITH fresh AS MATERIALIZED (
    SELECT p.run_id FROM subscriber_positions p JOIN subscribers s ON s.name = p.subscriber
    WHERE p.subscriber = $1 AND p.behind = 1 AND ($4 = '' OR p.run_id = $4)
        AND p.taken_by IN ('', $2) AND p.tries = 0
        AND (s.ordered = 0 OR p.asked > 0 OR NOT EXISTS (
            SELECT 1 FROM dead_letters d WHERE d.subscriber = p.subscriber AND d.run_id = p.run_id))
    ORDER BY p.run_id LIMIT $3 FOR UPDATE OF p SKIP LOCKED
), tried AS MATERIALIZED (
    SELECT p.run_id FROM subscriber_positions p JOIN subscribers s ON s.name = p.subscriber
    WHERE NOT EXISTS (SELECT 1 FROM fresh)
        AND p.subscriber = $1 AND p.behind = 1 AND ($4 = '' OR p.run_id = $4)
        AND (p.taken_by IN ('', $2) OR NOT EXISTS (
            SELECT 1 FROM workers w WHERE w.owner = p.taken_by
                AND w.expires_at > extract(epoch FROM clock_timestamp())))
        AND (s.ordered = 0 OR p.asked > 0 OR NOT EXISTS (
            SELECT 1 FROM dead_letters d WHERE d.subscriber = p.subscriber AND d.run_id = p.run_id))
    ORDER BY p.tries, p.run_id LIMIT 1 FOR UPDATE OF p SKIP LOCKED
)
UPDATE subscriber_positions p SET taken_by = $2, tries = p.tries + (p.taken_by NOT IN ('', $2))::int
FROM (SELECT run_id FROM fresh UNION ALL SELECT run_id FROM tried) AS c
WHERE p.subscriber = $1 AND p.run_id = c.run_id
RETURNING p.run_id, p.workspace_id, p.seq, p.tries, p.asked;

-- name: places
-- How far subscribers have come in runs; no row where one has no place yet.
SELECT p.subscriber, p.run_id, p.seq FROM subscriber_positions p
JOIN unnest($1::text[], $2::text[]) AS i (subscriber, run_id) USING (subscriber, run_id);

-- name: set_places
-- `set_subscriber_seq` for several; in order, so that two batches cannot wait for each other.
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq)
SELECT i.subscriber, r.run_id, r.workspace_id, i.seq
FROM unnest($1::text[], $2::text[], $3::text[]::bigint[]) AS i (subscriber, run_id, seq) JOIN runs r USING (run_id)
ORDER BY i.subscriber, r.run_id
ON CONFLICT (subscriber, run_id) DO UPDATE SET seq = excluded.seq,
    behind = CASE WHEN excluded.seq >= subscriber_positions.upto AND subscriber_positions.taken_by = ''
            AND subscriber_positions.asked = 0
        THEN 0 ELSE subscriber_positions.behind END
WHERE excluded.seq >= subscriber_positions.seq;
