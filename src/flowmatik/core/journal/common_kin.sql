-- Runs within runs.

-- name: unreported
-- Ended children whose parents were not told, and who have none of whom they do not know the cost themselves.
SELECT r.run_id FROM runs r WHERE r.parent <> '' AND r.reported = 0 AND r.ended_at <> '' AND NOT EXISTS (
    SELECT 1 FROM runs c WHERE c.parent = r.run_id AND c.parent <> '' AND c.reported = 0)
ORDER BY r.run_id LIMIT $1;

-- name: live_children
-- What of a run's children has not ended.
SELECT run_id FROM runs WHERE parent = $1 AND parent <> '' AND ended_at = '' ORDER BY run_id LIMIT $2;

-- name: kin
-- A page of all children that have not ended; a child without a parent that lives is an orphan.
SELECT c.run_id, CASE WHEN p.run_id IS NULL OR p.ended_at <> '' THEN 1 ELSE 0 END
FROM runs c LEFT JOIN runs p ON p.run_id = c.parent
WHERE c.parent <> '' AND c.ended_at = '' AND c.run_id > $1 ORDER BY c.run_id LIMIT $2;
