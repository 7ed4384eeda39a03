-- What callers have sent.

-- name: signals_of
-- How many signals are in the inbox of a run, and their bytes.
SELECT count(*), coalesce(sum(length(CAST(payload AS BLOB))), 0) FROM run_inbox
WHERE run_id = $1 AND kind = 'signal';
