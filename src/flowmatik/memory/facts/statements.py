"""The SQL of facts, in the subset that SQLite and PostgreSQL share.

Whoever changes a line marks it with a `claim` of its own, if it still is as it was read; what follows in the
transaction acts under that claim alone, so that nothing happens when somebody else was faster, or the line is
gone.
"""

_FACT = (
    "SELECT f.id, f.version, l.scope, l.owner, l.person, l.subject, l.predicate, f.value, f.language,"
    " f.valid_from, f.valid_until, f.recorded_at, f.retracted_at, f.confidence, f.importance, f.origin,"
    " f.recorded_by, l.uses, l.used_at, f.line, f.value_key, l.head, l.changed_at, l.value_key"
    " FROM facts f JOIN fact_lines l ON l.workspace_id = f.workspace_id AND l.id = f.line "
)
# $1 workspace, $2 recorded at, $3 valid at ("" is whenever). What follows has its own numbers.
AS_OF = _FACT + (
    "WHERE f.workspace_id = $1 AND f.recorded_at <= $2 AND f.retracted_at > $2"
    " AND ($3 = '' OR (f.valid_from <= $3 AND f.valid_until > $3))"
)
RIVALS = (
    "EXISTS (SELECT 1 FROM facts o WHERE o.workspace_id = f.workspace_id AND o.line = f.line"
    " AND o.value_key <> f.value_key AND o.recorded_at <= $2 AND o.retracted_at > $2"
    " AND o.valid_from < f.valid_until AND f.valid_from < o.valid_until)"
)
NEWEST_FIRST = " ORDER BY f.recorded_at DESC, f.id DESC"
OF_FACT = _FACT + "WHERE f.workspace_id = $1 AND f.id = $2 ORDER BY f.version"
OF_LINE = _FACT + "WHERE f.workspace_id = $1 AND f.line = $2 ORDER BY f.recorded_at, f.id, f.version"
SUPPORTS = (
    "SELECT fact_id, kind, ref, quote, at, first_version, last_version FROM fact_supports"
    " WHERE workspace_id = $1 AND line = $2 ORDER BY at, kind, ref, first_version"
)
LINE = (
    "SELECT id, head, changed_at FROM fact_lines WHERE workspace_id = $1 AND scope = $2 AND owner = $3"
    " AND person = $4 AND subject_key = $5 AND predicate = $6 AND value_key = $7"
)
OPEN = (  # $2 id … a line that is there already stays
    "INSERT INTO fact_lines (workspace_id, id, scope, owner, person, subject, subject_key, predicate,"
    " value_key, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"
)
CLAIM = (  # $3 claim, $4 now, $5 as it was read
    "UPDATE fact_lines SET head = head + 1, claim = $3, changed_at = $4"
    " WHERE workspace_id = $1 AND id = $2 AND head = $5"
)
RETRACT = (
    "UPDATE facts SET retracted_at = $4 WHERE workspace_id = $1 AND line = $2 AND id = $5"
    " AND version = CAST($6 AS BIGINT) AND"
    " EXISTS (SELECT 1 FROM fact_lines WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)
RECORD = (
    "INSERT INTO facts (workspace_id, line, recorded_at, id, version, value, value_key, language, valid_from,"
    " valid_until, retracted_at, confidence, importance, origin, recorded_by)"
    " SELECT $1, $2, $4, $5, CAST($6 AS BIGINT), $7, $8, $9, $10, $11, $12, CAST($13 AS BIGINT),"
    " CAST($14 AS BIGINT), $15, $16 WHERE"
    " EXISTS (SELECT 1 FROM fact_lines WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)
SUPPORT = (  # $4 fact, $5 kind, $6 ref, $7 quote, $8 at, $9 version, $10 the last one; once is enough
    "INSERT INTO fact_supports (workspace_id, line, fact_id, kind, ref, quote, at, first_version,"
    " last_version)"
    " SELECT $1, $2, $4, $5, $6, $7, $8, CAST($9 AS BIGINT), CAST($10 AS BIGINT) WHERE"
    " EXISTS (SELECT 1 FROM fact_lines WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
    " AND"
    " NOT EXISTS (SELECT 1 FROM fact_supports s WHERE s.workspace_id = $1 AND s.fact_id = $4 AND s.kind = $5"
    " AND s.ref = $6 AND s.last_version = CAST($10 AS BIGINT))"
)
CLOSE_SUPPORTS = (  # $4 fact, $5 its last version that rests on them, $6 the last one
    "UPDATE fact_supports SET last_version = CAST($5 AS BIGINT) WHERE workspace_id = $1 AND line = $2"
    " AND fact_id = $4 AND last_version = CAST($6 AS BIGINT)"
    " AND EXISTS (SELECT 1 FROM fact_lines WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
)
COPY_SUPPORTS = (  # $4 from fact, $5 to fact, $6 the last one, $7 the version that they are copied for
    "INSERT INTO fact_supports (workspace_id, line, fact_id, kind, ref, quote, at, first_version,"
    " last_version)"
    " SELECT workspace_id, line, CAST($5 AS TEXT), kind, ref, quote, at, CAST($7 AS BIGINT), last_version"
    " FROM fact_supports s"
    " WHERE s.workspace_id = $1 AND s.line = $2 AND s.fact_id = $4 AND s.last_version = CAST($6 AS BIGINT)"
    " AND EXISTS (SELECT 1 FROM fact_lines WHERE workspace_id = $1 AND id = $2 AND claim = $3)"
    " AND NOT EXISTS (SELECT 1 FROM fact_supports o WHERE o.workspace_id = $1 AND o.fact_id = $5"
    " AND o.kind = s.kind AND o.ref = s.ref AND o.last_version = s.last_version)"
)
USED = "UPDATE fact_lines SET uses = uses + 1, used_at = $2 WHERE workspace_id = $1 AND id = $3"

# Erasing. What happens to a line at the same moment finds it gone, and is done anew.

ERASE_SUPPORTS = "DELETE FROM fact_supports WHERE workspace_id = $1 AND line = $2"
ERASE_FACTS = "DELETE FROM facts WHERE workspace_id = $1 AND line = $2"
ERASE_LINE = "DELETE FROM fact_lines WHERE workspace_id = $1 AND id = $2"
LOCK = "UPDATE fact_lines SET head = head + 1 WHERE workspace_id = $1 AND id = $2"
LINES_OF_PERSON = "SELECT id FROM fact_lines WHERE workspace_id = $1 AND person = $2 ORDER BY id"
LINES_OF_THREAD = (
    "SELECT id FROM fact_lines WHERE workspace_id = $1 AND scope = 'thread' AND owner = $2 ORDER BY id"
)
LINES_AFTER = "SELECT id FROM fact_lines WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3"
TEXTS = (  # of the lines after $2, up to $3: all that was ever recorded of them
    "SELECT id, subject FROM fact_lines WHERE workspace_id = $1 AND id > $2 AND id <= $3"
    " UNION ALL SELECT id, replace(predicate, '_', ' ') FROM fact_lines"
    " WHERE workspace_id = $1 AND id > $2 AND id <= $3"
    " UNION ALL SELECT line, value FROM facts WHERE workspace_id = $1 AND line > $2 AND line <= $3"
    " UNION ALL SELECT line, quote FROM fact_supports WHERE workspace_id = $1 AND line > $2 AND line <= $3"
    " UNION ALL SELECT line, ref FROM fact_supports WHERE workspace_id = $1 AND line > $2 AND line <= $3"
)
LINES_ON = (
    "SELECT DISTINCT line FROM fact_supports WHERE workspace_id = $1 AND kind = $2 AND ref = $3 ORDER BY line"
)
LINES_ON_THREAD = (
    "SELECT DISTINCT line FROM fact_supports WHERE workspace_id = $1 AND kind = 'message'"
    " AND substr(ref, 1, length($2)) = $2 ORDER BY line"
)
UNSUPPORT = "DELETE FROM fact_supports WHERE workspace_id = $1 AND line = $2 AND kind = $3 AND ref = $4"
UNSUPPORT_THREAD = (
    "DELETE FROM fact_supports WHERE workspace_id = $1 AND line = $2 AND kind = 'message'"
    " AND substr(ref, 1, length($3)) = $3"
)
DROP_UNSUPPORTED = (
    "DELETE FROM facts WHERE workspace_id = $1 AND line = $2 AND origin IN ('agent', 'model', 'document')"
    " AND NOT EXISTS (SELECT 1 FROM fact_supports s WHERE s.workspace_id = $1 AND s.fact_id = facts.id"
    " AND s.first_version <= facts.version AND s.last_version >= facts.version)"
)
DROP_EMPTY = (
    "DELETE FROM fact_lines WHERE workspace_id = $1 AND id = $2"
    " AND NOT EXISTS (SELECT 1 FROM facts f WHERE f.workspace_id = $1 AND f.line = $2)"
)
CERTIFY = (
    "INSERT INTO fact_erasures (workspace_id, id, at, erased_by, what, facts, versions, supports)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
ERASURES = (
    "SELECT id, at, erased_by, what, facts, versions, supports FROM fact_erasures WHERE workspace_id = $1"
    " AND ($2 = '' OR erased_by = $2) ORDER BY at DESC, id DESC LIMIT $3"
)
HEARD = "SELECT 1 FROM fact_heard WHERE workspace_id = $1 AND thread_id = $2 AND number = $3"
HEAR = "INSERT INTO fact_heard (workspace_id, thread_id, number) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
UNHEAR = "DELETE FROM fact_heard WHERE workspace_id = $1 AND thread_id = $2"
POLICY = "SELECT policy FROM fact_policies WHERE workspace_id = $1"
SET_POLICY = (
    "INSERT INTO fact_policies (workspace_id, policy) VALUES ($1, $2)"
    " ON CONFLICT (workspace_id) DO UPDATE SET policy = excluded.policy"
)
WITH_SOURCES = (
    "SELECT DISTINCT workspace_id FROM fact_supports WHERE kind IN ('document', 'chunk', 'run')"
    " ORDER BY workspace_id"
)
REFS = "SELECT DISTINCT ref FROM fact_supports WHERE workspace_id = $1 AND kind = $2 ORDER BY ref"
RESTING = "SELECT count(*) FROM fact_supports WHERE workspace_id = $1 AND kind = $2"
FOLLOWED = "SELECT state FROM fact_sources WHERE workspace_id = $1 AND source = $2"
FOLLOW = (
    "INSERT INTO fact_sources (workspace_id, source, state) VALUES ($1, $2, $3)"
    " ON CONFLICT (workspace_id, source) DO UPDATE SET state = excluded.state"
)
