-- The bus between processes, alike on SQLite and PostgreSQL.

-- name: finish_run
-- Nobody has the run for this subscriber any more. It stays behind if pointers said more than it has come to,
-- or somebody asked for a redrive after the one ($3) that was done.
UPDATE subscriber_positions SET taken_by = '', tries = 0,
    behind = CASE WHEN seq < upto OR asked > $3 THEN 1 ELSE 0 END,
    asked = CASE WHEN asked > $3 THEN asked ELSE 0 END
WHERE subscriber = $1 AND run_id = $2;

-- name: let_go
-- A process that ends in good order leaves no run taken: nothing there has ended it.
UPDATE subscriber_positions SET taken_by = '' WHERE behind = 1 AND taken_by = $1;

-- name: ask_redrive
-- Of what the subscriber refused of the run; whoever has the subscriber finds the run among those behind.
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq, behind, asked)
SELECT subscriber, run_id, workspace_id, min(seq) - 1, 1, 1 FROM dead_letters
WHERE subscriber = $1 AND run_id = $2 GROUP BY subscriber, run_id, workspace_id
ON CONFLICT (subscriber, run_id) DO UPDATE SET behind = 1, asked = subscriber_positions.asked + 1;
