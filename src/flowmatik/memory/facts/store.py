"""Facts in the relational store. A change of a line is one transaction under the line's claim: of two at the
same moment one finds the line changed, and is thought over again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.facts import FactErasure, FactScope, Support
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict
from flowmatik.kernel.ids import new_id
from flowmatik.memory.facts import statements as sql
from flowmatik.memory.facts.naming import lines_naming
from flowmatik.memory.facts.rows import (
    OPEN_VERSION,
    Stored,
    StoredSupport,
    erasure_of,
    stored_of,
    support_of,
)
from flowmatik.memory.facts.timeline import Change, Version, Written
from flowmatik.memory.facts.times import EVER, FOREVER, LATEST, after, text_of

TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What may be said, of whom, and for whom. `value_key`: of lines of which each has one value alone."""

    workspace_id: str
    scope: FactScope
    owner: str
    person: str
    subject: str
    subject_key: str
    predicate: str
    value_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a change is made under. `facts` are those recorded now, by id."""

    workspace_id: str
    line: str
    head: int
    now: str
    current: tuple[Version, ...]


Decide = Callable[[Turn], Change | None]


async def no_scrubbing() -> None:
    """Where the store itself sees to what is deleted."""


class FactStore:
    """`scrub`: puts what was deleted out of the store's files, too."""

    def __init__(
        self, database: Database, clock: Clock, scrub: Callable[[], Awaitable[object]] = no_scrubbing
    ) -> None:
        self._database = database
        self._clock = clock
        self._scrub = scrub

    def now(self) -> str:
        return text_of(self._clock.now())

    # --- reading ------------------------------------------------------------------------------

    async def as_of(
        self,
        workspace_id: str,
        where: Sequence[tuple[str, Sequence[object]]] = (),
        *,
        recorded: str = LATEST,
        valid: str = "",
        limit: int = 500,
    ) -> list[Stored]:
        """What was known at `recorded` of what held at `valid`, the newest recorded first. `where`: further
        conditions, with `{}` in place of each parameter."""
        text, values = sql.AS_OF, list[object]([workspace_id, recorded, valid])
        for condition, given in where:
            places = [f"${len(values) + n + 1}" for n in range(len(given))]
            text += " AND (" + condition.format(*places) + ")"
            values += given
        text += f"{sql.NEWEST_FIRST} LIMIT ${len(values) + 1}"
        rows = await self._database.within(workspace_id).fetch(text, *values, limit)
        return [stored_of(row) for row in rows]

    async def versions(self, workspace_id: str, fact_id: str) -> list[Stored]:
        rows = await self._database.within(workspace_id).fetch(sql.OF_FACT, workspace_id, fact_id)
        return [stored_of(row) for row in rows]

    async def line(self, workspace_id: str, line: str) -> list[Stored]:
        rows = await self._database.within(workspace_id).fetch(sql.OF_LINE, workspace_id, line)
        return [stored_of(row) for row in rows]

    async def supports(self, workspace_id: str, line: str) -> list[StoredSupport]:
        rows = await self._database.within(workspace_id).fetch(sql.SUPPORTS, workspace_id, line)
        return [support_of(row) for row in rows]

    async def used(self, workspace_id: str, lines: Sequence[str]) -> None:
        now = self.now()
        await self._database.within(workspace_id).transaction(
            [(sql.USED, (workspace_id, now, line)) for line in sorted(set(lines))]
        )

    # --- changing -----------------------------------------------------------------------------

    async def find(self, line: Line, *, open_it: bool) -> str:
        """The id of a line; "" when it is not there and is not to be opened."""
        within = self._database.within(line.workspace_id)
        key = (line.scope.value, line.owner, line.person, line.subject_key, line.predicate, line.value_key)
        for _ in range(TRIES):
            rows = await within.fetch(sql.LINE, line.workspace_id, *key)
            if rows or not open_it:
                return str(rows[0][0]) if rows else ""
            await within.transaction([
                (sql.OPEN, (line.workspace_id, new_id("fct"), *key[:3], line.subject, *key[3:], EVER))
            ])  # fmt: skip
        raise busy()

    async def change(
        self, workspace_id: str, line_id: str, decide: Decide, supports: Sequence[Support] = ()
    ) -> tuple[str, ...] | None:
        """Carry out what `decide` makes of the line, and give the ids of the facts that rest on `supports`
        now. None when the line is gone. Raises Conflict (`conflict.fact`)."""
        within = self._database.within(workspace_id)
        for _ in range(TRIES):
            rows = await within.fetch(
                "SELECT head, changed_at FROM fact_lines WHERE workspace_id = $1 AND id = $2",
                workspace_id,
                line_id,
            )
            if not rows:
                return None
            head, changed_at = int(rows[0][0]), str(rows[0][1])
            current = tuple(one.version for one in await self.line(workspace_id, line_id) if one.current)
            turn = Turn(
                workspace_id=workspace_id,
                line=line_id,
                head=head,
                now=after(self.now(), changed_at),
                current=current,
            )
            change = decide(turn)
            if change is None:
                return ()
            statements, touched = _statements(turn, change, supports)
            if (await within.transaction(statements))[0]:
                return touched
        raise busy()

    # --- erasing ------------------------------------------------------------------------------

    async def erase(self, workspace_id: str, lines: Sequence[str], what: str, by: str) -> FactErasure:
        """These lines with all that was ever recorded of them."""
        statements: list[Statement] = []
        for line in lines:
            at = (workspace_id, line)
            statements += [
                (sql.LOCK, at), (sql.ERASE_SUPPORTS, at), (sql.ERASE_FACTS, at), (sql.ERASE_LINE, at)
            ]  # fmt: skip
        ids = await self._ids(workspace_id, lines)
        counts = await self._database.within(workspace_id).transaction(statements) if statements else []
        versions, supports = sum(counts[2::4]), sum(counts[1::4])
        return await self._certified(workspace_id, what, by, (len(ids), versions, supports))

    async def unsupport(
        self, workspace_id: str, lines: Sequence[str], gone: Callable[[str], Statement], by: str
    ) -> FactErasure | None:
        """`gone` takes the supports of a line away; so go the derived facts that have none left."""
        if not lines:
            return None
        statements: list[Statement] = []
        before = await self._ids(workspace_id, lines)
        for line in lines:
            at = (workspace_id, line)
            statements += [
                (sql.LOCK, at), gone(line), (sql.DROP_UNSUPPORTED, at), (sql.DROP_EMPTY, at)
            ]  # fmt: skip
        counts = await self._database.within(workspace_id).transaction(statements)
        left = await self._ids(workspace_id, lines)
        dropped = (len(before - left), sum(counts[2::4]), sum(counts[1::4]))
        return await self._certified(workspace_id, "sources", by, dropped)

    async def lines(self, workspace_id: str, text: str, *params: object) -> list[str]:
        rows = await self._database.within(workspace_id).fetch(text, workspace_id, *params)
        return [str(row[0]) for row in rows]

    async def lines_naming(self, workspace_id: str, names: Sequence[str]) -> list[str]:
        return await lines_naming(self._database.within(workspace_id), workspace_id, names)

    async def facts_in(self, workspace_id: str, lines: Sequence[str]) -> int:
        return len(await self._ids(workspace_id, lines))

    async def everywhere(self, text: str) -> list[str]:
        """Of all workspaces, where the store shows them."""
        return [str(row[0]) for row in await self._database.fetch(text)]

    async def resting(self, workspace_id: str, kinds: Sequence[str]) -> int:
        """How many supports are of these kinds."""
        within = self._database.within(workspace_id)
        return sum([int((await within.fetch(sql.RESTING, workspace_id, kind))[0][0]) for kind in kinds])

    async def followed(self, workspace_id: str, source: str) -> str:
        rows = await self._database.within(workspace_id).fetch(sql.FOLLOWED, workspace_id, source)
        return str(rows[0][0]) if rows else ""

    async def follow(self, workspace_id: str, source: str, state: str) -> None:
        await self._database.within(workspace_id).transaction([(sql.FOLLOW, (workspace_id, source, state))])

    async def erasures(self, workspace_id: str, by: str, limit: int) -> list[FactErasure]:
        rows = await self._database.within(workspace_id).fetch(sql.ERASURES, workspace_id, by, limit)
        return [erasure_of(row) for row in rows]

    async def _ids(self, workspace_id: str, lines: Sequence[str]) -> set[str]:
        return {one.fact.id for line in lines for one in await self.line(workspace_id, line)}

    async def _certified(
        self, workspace_id: str, what: str, by: str, counts: tuple[int, int, int]
    ) -> FactErasure:
        row = (new_id("fct"), self.now(), by, what, *counts)
        await self._database.within(workspace_id).transaction([(sql.CERTIFY, (workspace_id, *row))])
        await self._scrub()
        return erasure_of(row)

    # --- what a workspace has listened to, and how ----------------------------------------------

    async def heard(self, workspace_id: str, thread_id: str, number: int) -> bool:
        at = (workspace_id, thread_id, number)
        return bool(await self._database.within(workspace_id).fetch(sql.HEARD, *at))

    async def hear(self, workspace_id: str, thread_id: str, number: int) -> None:
        at = (workspace_id, thread_id, number)
        await self._database.within(workspace_id).transaction([(sql.HEAR, at)])

    async def unhear(self, workspace_id: str, thread_id: str) -> None:
        await self._database.within(workspace_id).transaction([(sql.UNHEAR, (workspace_id, thread_id))])

    async def policy(self, workspace_id: str) -> str:
        """JSON; "" when nobody has said anything."""
        rows = await self._database.within(workspace_id).fetch(sql.POLICY, workspace_id)
        return str(rows[0][0]) if rows else ""

    async def set_policy(self, workspace_id: str, text: str) -> None:
        await self._database.within(workspace_id).transaction([(sql.SET_POLICY, (workspace_id, text))])


def busy() -> Conflict:
    return Conflict(
        "others change the same fact at the same moment; look at it and say it again",
        code="conflict.fact",
        retryable=True,
    )


def _statements(
    turn: Turn, change: Change, supports: Sequence[Support]
) -> tuple[list[Statement], tuple[str, ...]]:
    at = (turn.workspace_id, turn.line, new_id("fct"))
    statements: list[Statement] = [(sql.CLAIM, (*at, turn.now, turn.head))]
    touched: list[str] = []
    for one in change.retracted:
        statements.append((sql.RETRACT, (*at, turn.now, one.id, one.version)))
    for written in change.written:
        version = _named(written)
        statements.append((sql.RECORD, (*at, turn.now, *_columns(version))))
        statements += _resting(at, written, version, change.retracted)
        if written.rests in ("new", "added"):
            touched.append(version.id)
            statements += _supported(at, version, supports)
    if change.supported is not None:
        touched.append(change.supported.id)
        statements += _supported(at, change.supported, supports)
    return statements, tuple(touched)


def _named(written: Written) -> Version:
    return written.version if written.version.id else replace(written.version, id=new_id("fct"))


def _columns(one: Version) -> tuple[object, ...]:
    return (
        one.id,
        one.version,
        one.value,
        one.key,
        one.language,
        one.since,
        one.until,
        FOREVER,
        one.confidence,
        one.importance,
        one.origin,
        one.by,
    )


def _resting(
    at: tuple[str, str, str], written: Written, version: Version, retracted: Sequence[Version]
) -> list[Statement]:
    """The supports of the versions before, as the new one has them."""
    match written.rests:
        case "kept":
            return []
        case "copied":
            return [(sql.COPY_SUPPORTS, (*at, written.of, version.id, OPEN_VERSION, version.version))]
        case "added":
            joined = [one for one in retracted if one.key == version.key and one.id != version.id]
            return [
                (sql.COPY_SUPPORTS, (*at, one.id, version.id, OPEN_VERSION, version.version))
                for one in joined
            ]
        case "new":
            if version.version == 1:
                return []
            return [(sql.CLOSE_SUPPORTS, (*at, version.id, version.version - 1, OPEN_VERSION))]


def _supported(at: tuple[str, str, str], one: Version, supports: Sequence[Support]) -> list[Statement]:
    return [
        (
            sql.SUPPORT,
            (*at, one.id, support.kind, support.ref, support.quote, support.at, one.version, OPEN_VERSION),
        )
        for support in supports
    ]
