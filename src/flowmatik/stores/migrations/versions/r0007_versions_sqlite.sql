UPDATE runs SET decision_version = coalesce((
    SELECT CASE WHEN json_valid(e.payload) AND json_type(e.payload) = 'object'
            AND json_type(e.payload, '$.decision_version') = 'integer'
        THEN json_extract(e.payload, '$.decision_version') END
    FROM run_events e WHERE e.run_id = runs.run_id AND e.seq = 1), -1);
