-- name: blobs_of
-- What a run refers to.
SELECT sha256, bytes FROM run_blobs WHERE run_id = $1 ORDER BY sha256;
