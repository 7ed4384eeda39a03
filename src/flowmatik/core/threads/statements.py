"""The SQL of threads, in the subset that SQLite and PostgreSQL share.

Whoever changes a thread marks its row with a `claim` of its own; the statements that follow in the
transaction act on that row alone, so that nothing happens when the first one found nothing to change.
"""

THREAD = (
    "SELECT id, workspace_id, title, state, agent, interrupt, history, language, sources, budget_micros,"
    " created_by, created_at, updated_at, holder, last_no, turn, turn_open, superseded, run_id, summary,"
    " summary_upto FROM threads "
)
MESSAGE = "SELECT thread_id, number, role, code, author, text, at, run_id FROM thread_messages "

CREATE = (
    "INSERT INTO threads (workspace_id, id, key, title, state, agent, interrupt, history, language, sources,"
    " budget_micros, created_by, created_at, updated_at)"
    " VALUES ($1, $2, $3, $4, 'agent', $5, $6, $7, $8, $9, $10, $11, $12, $12)"
    " ON CONFLICT (workspace_id, key) DO NOTHING"
)
GET = THREAD + "WHERE workspace_id = $1 AND id = $2"
BY_KEY = THREAD + "WHERE workspace_id = $1 AND key = $2"
BY_RUN = THREAD + "WHERE workspace_id = $1 AND run_id = $2 AND turn_open = 1"
LIST = THREAD + (
    "WHERE workspace_id = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4"
)
MESSAGES = MESSAGE + "WHERE workspace_id = $1 AND thread_id = $2 AND number > $3 ORDER BY number LIMIT $4"
BEFORE = MESSAGE + (
    "WHERE workspace_id = $1 AND thread_id = $2 AND (number < $3 OR role = $6) AND number > $4"
    " AND role <> 'note' ORDER BY number DESC LIMIT $5"
)
MESSAGE_BY_KEY = MESSAGE + "WHERE workspace_id = $1 AND thread_id = $2 AND key = $3"
WAITING = MESSAGE + (
    "WHERE workspace_id = $1 AND thread_id = $2 AND role = 'person' AND turn = 0 ORDER BY number LIMIT $3"
)
OF_TURN = MESSAGE + (
    "WHERE workspace_id = $1 AND thread_id = $2 AND role = 'person' AND turn = $3 ORDER BY number"
)

# $1 workspace, $2 thread, $3 now, $4 claim.

SAID = (
    "UPDATE threads SET last_no = last_no + 1, updated_at = $3, claim = $4"
    " WHERE workspace_id = $1 AND id = $2 AND state <> 'closed'"
)
REPLIED = (
    "UPDATE threads SET last_no = last_no + 1, updated_at = $3, claim = $4"
    " WHERE workspace_id = $1 AND id = $2 AND state = 'person' AND holder = $5"
)
TAKEN = (
    "UPDATE threads SET state = 'person', holder = $5, superseded = turn_open, last_no = last_no + 1,"
    " updated_at = $3, claim = $4 WHERE workspace_id = $1 AND id = $2"
    " AND (state = 'agent' OR (state = 'person' AND holder = ''))"
)
HANDED_OVER = (
    "UPDATE threads SET state = 'person', holder = '', last_no = last_no + 1, updated_at = $3, claim = $4"
    " WHERE workspace_id = $1 AND id = $2 AND state = 'agent'"
)
GIVEN_BACK = (
    "UPDATE threads SET state = 'agent', holder = '', last_no = last_no + 1, updated_at = $3, claim = $4"
    " WHERE workspace_id = $1 AND id = $2 AND state = 'person'"
)
CLOSED = (
    "UPDATE threads SET state = 'closed', superseded = turn_open, last_no = last_no + 1, updated_at = $3,"
    " claim = $4 WHERE workspace_id = $1 AND id = $2 AND state <> 'closed'"
)
ENDED = (  # its run
    "UPDATE threads SET turn_open = 0, last_no = last_no + 1, updated_at = $3, claim = $4"
    " WHERE workspace_id = $1 AND id = $2 AND turn = $5 AND turn_open = 1"
)
BEGUN = (
    "UPDATE threads SET turn = turn + 1, turn_open = 1, superseded = 0, run_id = '', updated_at = $3,"
    " claim = $4 WHERE workspace_id = $1 AND id = $2 AND turn = $5 AND turn_open = 0 AND state = 'agent'"
)

# $1 workspace, $2 thread, $3 claim.

ADD = (
    "INSERT INTO thread_messages (workspace_id, thread_id, number, role, code, author, text, at, key, run_id,"
    " turn) SELECT workspace_id, id, last_no, $4, $5, $6, $7, updated_at, $8, $9, CAST($10 AS BIGINT)"
    " FROM threads WHERE workspace_id = $1 AND id = $2 AND claim = $3"
)
ANSWERED = (  # all that was said, by a person's reply
    "UPDATE thread_messages SET turn = -1 WHERE workspace_id = $1 AND thread_id = $2 AND role = 'person'"
    " AND turn = 0 AND EXISTS (SELECT 1 FROM threads WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)
FOR_TURN = (
    "UPDATE thread_messages SET turn = CAST($4 AS BIGINT) WHERE workspace_id = $1 AND thread_id = $2"
    " AND role = 'person' AND turn = 0 AND number <= CAST($5 AS BIGINT)"
    " AND EXISTS (SELECT 1 FROM threads WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)
UNANSWERED = (  # a turn that was superseded
    "UPDATE thread_messages SET turn = 0, run_id = '' WHERE workspace_id = $1 AND thread_id = $2"
    " AND role = 'person' AND turn = CAST($4 AS BIGINT)"
    " AND EXISTS (SELECT 1 FROM threads WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)
UNHEARD = (  # $4 turn, $5 message: the turn's run took it in, and did not answer it
    "UPDATE thread_messages SET turn = 0, run_id = '' WHERE workspace_id = $1 AND thread_id = $2"
    " AND role = 'person' AND turn = CAST($4 AS BIGINT) AND number = CAST($5 AS BIGINT)"
    " AND EXISTS (SELECT 1 FROM threads WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)

# $1 workspace, $2 thread, and the rest as named.

NAMED = (  # $3 turn, $4 run
    "UPDATE threads SET run_id = $4 WHERE workspace_id = $1 AND id = $2 AND turn = $3 AND turn_open = 1"
    " AND run_id = ''"
)
NAMED_MESSAGES = (
    "UPDATE thread_messages SET run_id = $4 WHERE workspace_id = $1 AND thread_id = $2 AND turn = $3"
    " AND role = 'person' AND EXISTS (SELECT 1 FROM threads WHERE workspace_id = $1 AND id = $2"
    " AND turn = $3 AND run_id = $4)"
)
TAKEN_IN = (  # $3 run, $4 message: a run that is on has it
    "UPDATE thread_messages SET run_id = $3,"
    " turn = (SELECT turn FROM threads WHERE workspace_id = $1 AND id = $2)"
    " WHERE workspace_id = $1 AND thread_id = $2 AND number = $4 AND turn = 0 AND EXISTS (SELECT 1"
    " FROM threads WHERE workspace_id = $1 AND id = $2 AND run_id = $3 AND turn_open = 1)"
)
SUPERSEDED = (  # $3 turn
    "UPDATE threads SET superseded = 1 WHERE workspace_id = $1 AND id = $2 AND turn = $3 AND turn_open = 1"
)
SUMMARISED = (  # $3 text, $4 up to which message
    "UPDATE threads SET summary = $3, summary_upto = $4 WHERE workspace_id = $1 AND id = $2"
    " AND summary_upto < $4"
)
DELETE_MESSAGES = (
    "DELETE FROM thread_messages WHERE workspace_id = $1 AND thread_id = $2 AND EXISTS (SELECT 1 FROM threads"
    " WHERE workspace_id = $1 AND id = $2 AND turn_open = 0)"
)
DELETE = "DELETE FROM threads WHERE workspace_id = $1 AND id = $2 AND turn_open = 0"
STUCK = (  # what a process that ended left undone, in every workspace
    "SELECT t.workspace_id, t.id FROM threads t WHERE t.turn_open = 1 AND t.run_id = ''"
    " UNION SELECT t.workspace_id, t.id FROM thread_messages m JOIN threads t ON t.id = m.thread_id"
    " WHERE m.role = 'person' AND m.turn = 0 AND t.turn_open = 0 AND t.state = 'agent' ORDER BY 2 LIMIT 200"
)
WORKSPACES = "SELECT DISTINCT workspace_id FROM threads ORDER BY workspace_id"
RESTING = "SELECT id FROM threads WHERE workspace_id = $1 AND turn_open = 0 AND updated_at < $2 LIMIT 200"
