-- Statements of the PostgreSQL journal. Each is a whole transaction in one round trip, so that a client
-- which stops holds no locks. Row locks are taken in run_id (or scope) order.

-- name: append
-- A batch, at most one append per run. Loser: not in the result; nothing of it is written.
WITH input AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS t (run_id text, workspace_id text, epoch bigint,
        expected bigint, added bigint, append_id text, consumed bigint, status text, ended_at text,
        only_fill boolean, cost bigint, park bigint, unpriced bigint, priority bigint,
        seen bigint)
), locked AS MATERIALIZED (
    SELECT run_id FROM runs WHERE run_id IN (SELECT run_id FROM input) ORDER BY run_id FOR UPDATE
), advanced AS (
    UPDATE runs r SET
        head_seq = r.head_seq + i.added,
        last_append_id = i.append_id,
        inbox_seen = greatest(r.inbox_seen, i.consumed),
        status = coalesce(i.status, r.status),
        ended_at = CASE WHEN i.ended_at IS NULL OR (i.only_fill AND r.ended_at <> '')
            THEN r.ended_at ELSE i.ended_at END,
        cost_micros = coalesce(i.cost, r.cost_micros),
        unpriced = greatest(r.unpriced, i.unpriced),
        priority = coalesce(i.priority, r.priority),
        owner = CASE WHEN i.park = r.inbox_tail THEN '' ELSE r.owner END
    FROM locked l JOIN input i USING (run_id)
    WHERE r.run_id = l.run_id AND r.workspace_id = i.workspace_id AND r.epoch = i.epoch
        AND r.head_seq = i.expected AND r.owner <> '' AND r.inbox_tail = coalesce(i.seen, r.inbox_tail)
    RETURNING r.run_id, r.workspace_id, r.head_seq, i.expected, r.inbox_tail, r.owner
), events AS (
    INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at)
    SELECT a.run_id, e.seq, a.workspace_id, e.type, e.payload, $4
    FROM json_to_recordset($2::json) AS e (run_id text, seq bigint, type text, payload text)
    JOIN advanced a ON a.run_id = e.run_id
), pointers AS (
    INSERT INTO outbox (run_id, from_seq, to_seq, workspace_id)
    SELECT run_id, expected + 1, head_seq, workspace_id FROM advanced WHERE head_seq > expected
), timing AS (
    INSERT INTO timers (run_id, timer_id, workspace_id, due_at)
    SELECT a.run_id, t.timer_id, a.workspace_id, t.due_at
    FROM json_to_recordset($3::json) AS t (run_id text, timer_id text, due_at double precision)
    JOIN advanced a ON a.run_id = t.run_id
    ON CONFLICT (run_id, timer_id) DO UPDATE SET due_at = excluded.due_at
)
SELECT run_id, head_seq, inbox_tail, owner FROM advanced;

-- name: appended_before
-- Which of these appends went down. The lock waits for one that the server is still working on.
SELECT r.run_id, r.head_seq, r.inbox_tail, r.owner FROM runs r
JOIN unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS i (run_id, workspace_id, epoch, append_id)
    USING (run_id)
WHERE r.workspace_id = i.workspace_id AND r.epoch = i.epoch AND r.last_append_id = i.append_id
ORDER BY r.run_id FOR UPDATE OF r;

-- name: create
-- New runs, each owned at once if it names an owner; no row for one whose workspace used its idempotency
-- key before, also for a run that was deleted after $4. Keys go in in order, so that two batches cannot wait for each other.
WITH input AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS t (run_id text, workspace_id text, added bigint, key text,
        goal text, owner text, agent text, priority bigint, parent text, parent_wait text,
        tags text, folded text, decided bigint)
), made AS (
    INSERT INTO runs (run_id, workspace_id, status, head_seq, created_at, idempotency_key, goal,
        owner, epoch, ready, agent, priority, parent, parent_wait, tags, goal_folded, decision_version)
    SELECT run_id, workspace_id, 'queued', added, $3, key, goal, owner, (owner <> '')::int, (owner = '')::int,
        agent, priority, parent, parent_wait, tags, folded, decided
    FROM input WHERE key = '' OR NOT EXISTS (
        SELECT 1 FROM tombstones t WHERE t.workspace_id = input.workspace_id AND t.idempotency_key = input.key
            AND t.idempotency_key <> '' AND t.deleted_at > $4)
    ORDER BY workspace_id, key, run_id
    ON CONFLICT (workspace_id, idempotency_key) WHERE idempotency_key <> '' DO NOTHING
    RETURNING run_id, workspace_id, head_seq, tags
), tagged AS (
    INSERT INTO run_tags (workspace_id, tag, created_at, run_id)
    SELECT workspace_id, unnest(string_to_array(tags, ' ')), $3, run_id FROM made WHERE tags <> ''
), events AS (
    INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at)
    SELECT m.run_id, e.seq, m.workspace_id, e.type, e.payload, $3
    FROM made m JOIN json_to_recordset($2::json) AS e (run_id text, seq bigint, type text, payload text)
        USING (run_id)
), pointers AS (
    INSERT INTO outbox (run_id, from_seq, to_seq, workspace_id)
    SELECT run_id, 1, head_seq, workspace_id FROM made WHERE head_seq > 0
)
SELECT run_id FROM made;

-- name: claim
-- Take these runs, but for those that have ended, that another live worker owns, or that none of the named versions
-- of the decision logic began; RunClaimed goes down with each. With a run come its snapshot, if it is of this
-- version of the fold, the earlier events after that, and the inputs that nobody has consumed.
WITH input AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS t (run_id text, owner text, said text, version text,
        oldest bigint, newest bigint)
), locked AS MATERIALIZED (
    SELECT run_id FROM runs WHERE run_id IN (SELECT run_id FROM input) ORDER BY run_id FOR UPDATE
), taken AS (
    UPDATE runs r SET epoch = r.epoch + 1, owner = i.owner, ready = 0, head_seq = r.head_seq + 1
    FROM locked l JOIN input i USING (run_id)
    WHERE r.run_id = l.run_id AND r.ended_at = ''
        AND (r.decision_version < 0 OR r.decision_version BETWEEN i.oldest AND i.newest)
        AND (r.owner IN ('', i.owner) OR NOT EXISTS (
            SELECT 1 FROM workers WHERE workers.owner = r.owner
                AND workers.expires_at > extract(epoch FROM clock_timestamp())))
    RETURNING r.*, i.said, i.version
), event AS (
    INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at)
    SELECT run_id, head_seq, workspace_id, 'RunClaimed', '{"epoch":' || epoch || ',"owner":' || said || '}', $2
    FROM taken
), pointer AS (
    INSERT INTO outbox (run_id, from_seq, to_seq, workspace_id)
    SELECT run_id, head_seq, head_seq, workspace_id FROM taken
)
SELECT t.run_id, t.workspace_id, t.status, t.head_seq, t.epoch, t.owner, t.inbox_tail, t.inbox_seen,
    t.last_append_id, t.created_at, t.ended_at, t.goal, t.cost_micros, t.unpriced,
    t.agent, t.priority, t.parent, t.parent_wait, t.decision_version,
    s.seq AS kept_seq, s.body AS kept_body, e.seqs, e.types, e.payloads, e.ats,
    b.numbers, b.ids, b.kinds, b.bodies, b.moments
FROM taken t
LEFT JOIN snapshots s ON s.run_id = t.run_id AND s.fold_version = t.version AND s.seq < t.head_seq
LEFT JOIN LATERAL (
    SELECT array_agg(seq::text) AS seqs, array_agg(type) AS types, array_agg(payload) AS payloads,
        array_agg(at) AS ats
    FROM (
        SELECT seq, type, payload, at FROM run_events
        WHERE run_id = t.run_id AND seq > coalesce(s.seq, 0) ORDER BY seq
    ) AS ordered
) AS e ON true
LEFT JOIN LATERAL (
    SELECT array_agg(input_no::text) AS numbers, array_agg(input_id) AS ids, array_agg(kind) AS kinds,
        array_agg(payload) AS bodies, array_agg(at) AS moments
    FROM (
        SELECT input_no, input_id, kind, payload, at FROM run_inbox
        WHERE run_id = t.run_id AND input_no > t.inbox_seen ORDER BY input_no
    ) AS waiting
) AS b ON true;

-- name: heads
-- The head rows of some runs.
SELECT run_id, workspace_id, status, head_seq, epoch, owner, inbox_tail, inbox_seen, last_append_id,
    created_at, ended_at, goal, cost_micros, unpriced,
    agent, priority, parent, parent_wait, decision_version
FROM runs WHERE run_id = ANY ($1::text[]);

-- name: read_many
-- A page of the events of each of some runs. Numbers travel as text: for arrays of any other type the driver
-- asks the server what they are, 10 ms for each new connection.
SELECT i.run_id, e.seqs, e.types, e.payloads, e.ats
FROM unnest($1::text[], $2::text[]::bigint[], $3::text[]::bigint[]) AS i (run_id, after, most)
CROSS JOIN LATERAL (
    SELECT array_agg(seq::text) AS seqs, array_agg(type) AS types, array_agg(payload) AS payloads,
        array_agg(at) AS ats
    FROM (
        SELECT seq, type, payload, at FROM run_events
        WHERE run_id = i.run_id AND seq > i.after ORDER BY seq LIMIT i.most
    ) AS ordered
) AS e;

-- name: post
-- An input; a parked run becomes ready. A concurrent post of the same input_id breaks on uniqueness.
WITH run AS (
    UPDATE runs SET inbox_tail = inbox_tail + 1,
        ready = CASE WHEN owner = '' AND ended_at = '' THEN 1 ELSE ready END
    WHERE run_id = $1 AND NOT EXISTS (SELECT 1 FROM run_inbox WHERE run_id = $1 AND input_id = $2)
    RETURNING inbox_tail, workspace_id
)
INSERT INTO run_inbox (run_id, input_no, input_id, workspace_id, kind, payload, at)
SELECT $1, inbox_tail, $2, workspace_id, $3, $4, $5 FROM run
RETURNING input_no;

-- name: lease_relay
-- Take or renew the right to relay, by the database's clock; no row while another live relay has it.
INSERT INTO relay_leases (name, owner, expires_at)
VALUES ('outbox', $1, extract(epoch FROM clock_timestamp()) + $2)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE relay_leases.owner = excluded.owner
    OR relay_leases.expires_at <= extract(epoch FROM clock_timestamp())
RETURNING owner;

-- name: ready
-- Runs to claim: marked ready, or owned by a dead worker. Both halves read a partial index.
SELECT run_id FROM (
    SELECT run_id, created_at FROM runs WHERE ready = 1
    UNION ALL
    SELECT run_id, created_at FROM runs WHERE owner <> '' AND ended_at = '' AND NOT EXISTS (
        SELECT 1 FROM workers WHERE workers.owner = runs.owner
            AND workers.expires_at > extract(epoch FROM clock_timestamp()))
) AS candidates ORDER BY created_at, run_id LIMIT $1;

-- name: fire_due_timers
-- Due timers become inputs, by the database's clock; other schedulers skip what this one has locked. The clock
-- stands in a query of its own, for an index is never asked about what may change from row to row: every look
-- would read all timers that there are.
WITH picked AS MATERIALIZED (
    SELECT run_id, timer_id FROM timers WHERE due_at <= (SELECT extract(epoch FROM clock_timestamp()))
    ORDER BY due_at, run_id, timer_id LIMIT $1 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM timers t USING picked p WHERE t.run_id = p.run_id AND t.timer_id = p.timer_id
), fresh AS MATERIALIZED (
    SELECT run_id, timer_id, row_number() OVER (PARTITION BY run_id ORDER BY timer_id) AS place,
        count(*) OVER (PARTITION BY run_id) AS added
    FROM picked p WHERE NOT EXISTS (
        SELECT 1 FROM run_inbox i WHERE i.run_id = p.run_id AND i.input_id = 'timer:' || p.timer_id)
), locked AS MATERIALIZED (
    SELECT run_id FROM runs WHERE run_id IN (SELECT run_id FROM fresh) ORDER BY run_id FOR UPDATE
), woken AS (
    UPDATE runs r SET inbox_tail = r.inbox_tail + f.added,
        ready = CASE WHEN r.owner = '' AND r.ended_at = '' THEN 1 ELSE r.ready END
    FROM locked l JOIN fresh f ON f.run_id = l.run_id AND f.place = 1
    WHERE r.run_id = l.run_id
    RETURNING r.run_id, r.workspace_id, r.inbox_tail, f.added
), posted AS (
    INSERT INTO run_inbox (run_id, input_no, input_id, workspace_id, kind, payload, at)
    SELECT w.run_id, w.inbox_tail - w.added + f.place, 'timer:' || f.timer_id, w.workspace_id, 'timer',
        '{"timer_id":' || to_json(f.timer_id) || '}', $2
    FROM woken w JOIN fresh f ON f.run_id = w.run_id
)
SELECT run_id FROM woken ORDER BY run_id;

-- name: register_worker
-- A new lease, and what time it is.
INSERT INTO workers (owner, expires_at, slots)
VALUES ($1, extract(epoch FROM clock_timestamp()) + $2::double precision, $3)
ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at, slots = excluded.slots
RETURNING clock_timestamp();

-- name: renew_worker
-- Only a lease that has not run out can be renewed. With it comes what time it is.
UPDATE workers SET expires_at = extract(epoch FROM clock_timestamp()) + $2::double precision
WHERE owner = $1 AND expires_at > extract(epoch FROM clock_timestamp())
RETURNING clock_timestamp();

-- name: relayed
-- These pointers have reached the bus. Subscribers that were not there stay behind in their runs.
WITH gone AS (
    DELETE FROM outbox o USING unnest($1::text[], $2::bigint[]) AS d (run_id, from_seq)
    WHERE o.run_id = d.run_id AND o.from_seq = d.from_seq
    RETURNING o.run_id, o.workspace_id, o.from_seq, o.to_seq
), spans AS (
    SELECT run_id, workspace_id, min(from_seq) AS first, max(to_seq) AS last
    FROM gone GROUP BY run_id, workspace_id
)
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq, behind, upto)
SELECT s.name, g.run_id, g.workspace_id, g.first - 1, 1, g.last FROM spans g CROSS JOIN subscribers s
WHERE s.name <> ALL ($3::text[]) ORDER BY s.name, g.run_id
ON CONFLICT (subscriber, run_id) DO UPDATE SET upto = greatest(subscriber_positions.upto, excluded.upto),
    behind = CASE WHEN subscriber_positions.seq < excluded.upto THEN 1 ELSE subscriber_positions.behind END;
