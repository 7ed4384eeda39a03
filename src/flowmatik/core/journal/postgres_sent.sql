-- What callers have sent.

-- name: signals_of
-- How many signals are in the inbox of a run, and their bytes.
SELECT count(*), coalesce(sum(octet_length(payload)), 0)::bigint FROM run_inbox
WHERE run_id = $1 AND kind = 'signal';
