-- An engine that starts reads all runs that have not ended, a sweep of what may be deleted looks for doubts:
-- neither may cost more for every run that is stored.

CREATE INDEX runs_unfinished ON runs (run_id) WHERE ended_at = '';

CREATE INDEX events_in_doubt ON run_events (run_id, seq) WHERE type = 'CallInDoubt';
