-- The escape of NUL, which JSON permits and a text cannot hold, goes first; what still cannot be read counts as unread.
-- A paragraph is one statement.

CREATE FUNCTION pg_temp.decision_version_in(payload text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce((replace(payload, '\u0000', '')::json ->> 'decision_version')::integer, -1);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN -1;
END $$;

UPDATE runs r SET decision_version = pg_temp.decision_version_in(e.payload)
FROM run_events e WHERE e.run_id = r.run_id AND e.seq = 1;
