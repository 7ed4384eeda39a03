-- name: born
-- Which of these runs there are.
SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_array_elements_text($1::json) AS t (value));

-- name: report
-- An ended child counts as reported, and its parent, if it lives, has the input and is ready; if it has ended,
-- the child's cost is in its own. The parent's row is locked first, and tells what it is now. Whoever reports
-- the same child at the same moment waits for that row, and finds that it was done. A child that has cost
-- something else than $5 by now is left, and so is one of which a child of its own was not reported.
WITH target AS MATERIALIZED (
    SELECT p.run_id, p.ended_at FROM runs p JOIN runs c ON c.parent = p.run_id
    WHERE c.run_id = $1 AND c.parent <> '' AND c.ended_at <> '' AND c.reported = 0
        AND p.workspace_id = c.workspace_id
    FOR UPDATE OF p
), child AS (
    UPDATE runs c SET reported = CASE coalesce((SELECT ended_at = '' FROM target)::int, 2)
        WHEN 1 THEN 1 WHEN 0 THEN 2 ELSE 3 END
    WHERE c.run_id = $1 AND c.parent <> '' AND c.ended_at <> '' AND c.reported = 0
        AND c.cost_micros = $5::bigint
        AND NOT EXISTS (SELECT 1 FROM runs g WHERE g.parent = $1 AND g.parent <> '' AND g.reported = 0)
    RETURNING c.parent, c.reported, c.cost_micros, c.unpriced
), parent AS (
    UPDATE runs r SET
        inbox_tail = r.inbox_tail + (c.reported = 1)::int,
        ready = CASE WHEN c.reported = 1 AND r.owner = '' THEN 1 ELSE r.ready END,
        cost_micros = r.cost_micros + CASE WHEN c.reported = 2 THEN c.cost_micros ELSE 0 END,
        unpriced = CASE WHEN c.reported = 2 THEN greatest(r.unpriced, c.unpriced) ELSE r.unpriced END
    FROM child c JOIN target t ON t.run_id = c.parent
    WHERE r.run_id = t.run_id AND NOT EXISTS (
        SELECT 1 FROM run_inbox i WHERE i.run_id = t.run_id AND i.input_id = $2 AND c.reported = 1)
    RETURNING r.run_id, r.inbox_tail, r.workspace_id, c.reported
)
INSERT INTO run_inbox (run_id, input_no, input_id, workspace_id, kind, payload, at)
SELECT run_id, inbox_tail, $2, workspace_id, 'subrun', $3, $4 FROM parent WHERE reported = 1
RETURNING run_id;
