-- Whose blobs those are that there are already: what each run's events refer to.

INSERT OR IGNORE INTO run_blobs (run_id, sha256, workspace_id, bytes, at)
SELECT e.run_id, json_extract(t.value, '$.sha256'), e.workspace_id, json_extract(t.value, '$.bytes'), 0
FROM run_events e, json_tree(CASE WHEN json_valid(e.payload) THEN e.payload ELSE '{}' END) t
WHERE e.payload LIKE '%"$blob"%' AND t.key = '$blob' AND t.type = 'object'
    AND json_type(t.value, '$.sha256') = 'text' AND json_type(t.value, '$.bytes') = 'integer';
