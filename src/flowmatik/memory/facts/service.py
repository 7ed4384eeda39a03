"""What people do with facts: see, add, correct, end and erase them. Implements `Facts` and `FactKeeping`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flowmatik.contracts.database import Statement
from flowmatik.contracts.facts import (
    EVERY_FACT,
    MAX_QUOTE_CHARACTERS,
    Correction,
    Fact,
    FactErasure,
    FactFilter,
    FactPage,
    FactPolicy,
    NewFact,
    Origin,
    Support,
    SupportKind,
)
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from flowmatik.memory.facts import statements as sql
from flowmatik.memory.facts.keys import key_of, predicate_of
from flowmatik.memory.facts.pages import MOST_LISTED, cursor_after, place_of
from flowmatik.memory.facts.policies import keep_policy, policy_of
from flowmatik.memory.facts.rows import Stored, dropped, supports_of
from flowmatik.memory.facts.screening import Screening, nothing
from flowmatik.memory.facts.statement_checks import (
    checked_value,
    line_of,
    times_of,
    weight_of,
)
from flowmatik.memory.facts.statement_checks import supports_of as checked_supports
from flowmatik.memory.facts.store import TRIES, FactStore, Turn, busy
from flowmatik.memory.facts.timeline import Change, Version, contradictions, corrected, ended, stated
from flowmatik.memory.facts.times import EVER, FOREVER, LATEST, parsed
from flowmatik.memory.facts.viewing import Condition, Viewer, Viewers


class StoredFacts:
    def __init__(self, store: FactStore, viewers: Viewers, screening: Screening | None = None) -> None:
        self._store = store
        self._viewers = viewers
        self._screening = screening or Screening(nothing, nothing)

    # --- seeing -------------------------------------------------------------------------------

    async def list(
        self, principal: Principal, wanted: FactFilter = EVERY_FACT, *, cursor: str = "", limit: int = 50
    ) -> FactPage:
        if not 1 <= limit <= MOST_LISTED:
            raise InvalidInput(
                f"limit is {limit}; it must be from 1 to {MOST_LISTED}",
                code="input.limit",
                context={"limit": limit, "most": MOST_LISTED},
            )
        workspace_id = principal.workspace_id
        viewer = await self._viewers.of(workspace_id, principal.id)
        recorded = parsed(wanted.recorded_at, "recorded_at") if wanted.recorded_at else LATEST
        valid = parsed(wanted.valid_at, "valid_at") if wanted.valid_at else ""
        where = [*viewer.conditions(), *_conditions(wanted)]
        if cursor:
            at, last = place_of(cursor)
            where.append(("f.recorded_at < {} OR (f.recorded_at = {} AND f.id < {})", (at, at, last)))
        rows = await self._store.as_of(workspace_id, where, recorded=recorded, valid=valid, limit=limit + 1)
        shown_rows = rows[:limit]
        rivals = await self._rivals(workspace_id, shown_rows, recorded)
        items = tuple(
            replace(one.fact, contradicts=tuple(sorted(rivals.get(one.fact.id, ())))) for one in shown_rows
        )
        more = cursor_after(items[-1]) if len(rows) > limit else ""
        return FactPage(items=items, next=more)

    async def get(self, principal: Principal, fact_id: str) -> Fact:
        return await self._shown(principal.workspace_id, await self._seen(principal, fact_id))

    async def history(self, principal: Principal, fact_id: str) -> Sequence[Fact]:
        one = await self._seen(principal, fact_id)
        workspace_id = principal.workspace_id
        supports = await self._store.supports(workspace_id, one.line)
        rows = await self._store.line(workspace_id, one.line)
        return [replace(row.fact, supports=supports_of(row.fact, supports)) for row in rows]

    # --- stating ------------------------------------------------------------------------------

    async def add(self, principal: Principal, new: NewFact) -> Fact:
        viewer = await self._viewers.of(principal.workspace_id, principal.id)
        me = Support(kind="person", ref=viewer.person, quote=new.value)
        new = replace(new, supports=(me, *new.supports))
        return await self.learn(principal.workspace_id, new, viewer=viewer, origin=Origin.PERSON)

    async def learn(
        self, workspace_id: str, new: NewFact, *, viewer: Viewer, origin: Origin, overrides: bool = False
    ) -> Fact:
        """A statement of whatever origin, by `viewer`. `overrides`: what else is said of its time is cut."""
        line = line_of(workspace_id, new, viewer)
        self._no_secret(new.value, new.subject, *(one.quote[:MAX_QUOTE_CHARACTERS] for one in new.supports))
        said = Version(
            id="",
            version=1,
            value=checked_value(new.value),
            key=key_of(new.value),
            since="",
            until="",
            origin=origin.value,
            by=viewer.person,
            language=new.language[:20],
            confidence=weight_of("confidence", new.confidence),
            importance=weight_of("importance", new.importance),
        )

        def decide(turn: Turn) -> Change:
            since, until = times_of(new.valid_from, new.valid_until, (turn.now, FOREVER))
            return stated(turn.current, replace(said, since=since, until=until), overrides=overrides)

        supports = checked_supports(new.supports, self._store.now())
        times_of(new.valid_from, new.valid_until, (EVER, FOREVER))
        for _ in range(TRIES):
            at = await self._store.find(line, open_it=True)
            touched = await self._store.change(workspace_id, at, decide, supports)
            if touched:
                return await self._current(workspace_id, touched[0])
        raise busy()

    async def correct(self, principal: Principal, fact_id: str, correction: Correction) -> Fact:
        one = self._known(await self._seen(principal, fact_id))
        viewer = await self._viewers.of(principal.workspace_id, principal.id)
        value = checked_value(correction.value)
        self._no_secret(value)
        if one.many and key_of(value) != one.version.key:
            return await self._instead(principal, one, viewer, correction)

        def decide(turn: Turn) -> Change | None:
            wrong = next((v for v in turn.current if v.id == fact_id), None)
            if wrong is None:
                return None
            since, until = times_of(correction.valid_from, correction.valid_until, (wrong.since, wrong.until))
            right = replace(
                wrong,
                value=value,
                key=key_of(value),
                since=since,
                until=until,
                origin=Origin.PERSON.value,
                by=viewer.person,
                confidence=1000,
            )
            return corrected(turn.current, wrong, right)

        me = Support(kind="person", ref=viewer.person, quote=value, at=self._store.now())
        if not await self._store.change(principal.workspace_id, one.line, decide, (me,)):
            raise _retracted(fact_id)
        return await self._current(principal.workspace_id, fact_id)

    async def _instead(
        self, principal: Principal, one: Stored, viewer: Viewer, correction: Correction
    ) -> Fact:
        """Where each value has a line of its own: this one never held, that one did."""
        fact = one.fact
        new = NewFact(
            subject=fact.subject,
            predicate=fact.predicate,
            value=correction.value,
            scope=fact.scope,
            owner=fact.owner,
            person=fact.person,
            language=fact.language,
            valid_from=correction.valid_from or fact.valid_from or "ever",
            valid_until=correction.valid_until or fact.valid_until or "forever",
            importance=fact.importance,
            many=True,
            supports=(Support(kind="person", ref=viewer.person, quote=correction.value),),
        )
        right = await self.learn(principal.workspace_id, new, viewer=viewer, origin=Origin.PERSON)
        await self._end_at(principal.workspace_id, one, EVER)
        return right

    async def end(self, principal: Principal, fact_id: str, *, at: str = "") -> Fact:
        one = self._known(await self._seen(principal, fact_id))
        moment = parsed(at, "at") if at else ""
        await self._end_at(principal.workspace_id, one, moment)
        return await self._shown(principal.workspace_id, await self._seen(principal, fact_id))

    async def end_value(self, workspace_id: str, said: NewFact, *, viewer: Viewer) -> bool:
        """What is said holds no longer; False when it was not known to."""
        line = await self._store.find(line_of(workspace_id, said, viewer), open_it=False)
        key = key_of(said.value)

        def decide(turn: Turn) -> Change | None:
            ending = [one for one in turn.current if one.key == key and one.until > turn.now]
            return ended(ending, turn.now) if ending else None

        known = [one for one in await self._store.line(workspace_id, line) if one.current]
        if not any(one.version.key == key for one in known):
            return False
        await self._store.change(workspace_id, line, decide)
        return True

    async def _end_at(self, workspace_id: str, one: Stored, moment: str) -> None:
        def decide(turn: Turn) -> Change | None:
            ending = [v for v in turn.current if v.id == one.fact.id]
            return ended(ending, moment or turn.now) if ending else None

        await self._store.change(workspace_id, one.line, decide)

    # --- erasing ------------------------------------------------------------------------------

    async def forget(self, principal: Principal, fact_id: str) -> FactErasure:
        one = await self._seen(principal, fact_id)
        viewer = await self._viewers.of(principal.workspace_id, principal.id)
        return await self._store.erase(principal.workspace_id, [one.line], "fact", viewer.person)

    async def forget_person(self, principal: Principal, person: str = "") -> FactErasure:
        viewer = await self._viewers.of(principal.workspace_id, principal.id)
        if person not in ("", viewer.person) and not principal.may("admin"):
            raise PermissionDenied(
                "what is remembered about another person is erased by that person, or by an administrator",
                code="auth.denied.facts",
            )
        who = person or viewer.person
        lines = await self._store.lines(principal.workspace_id, sql.LINES_OF_PERSON, who)
        return await self._store.erase(principal.workspace_id, lines, "person", viewer.person)

    async def erasures(self, principal: Principal, *, limit: int = 50) -> Sequence[FactErasure]:
        viewer = await self._viewers.of(principal.workspace_id, principal.id)
        by = "" if principal.may("admin") else viewer.person
        return await self._store.erasures(principal.workspace_id, by, max(1, min(limit, MOST_LISTED)))

    async def unsupported(
        self, workspace_id: str, kind: SupportKind, refs: Sequence[str]
    ) -> FactErasure | None:
        lines: dict[str, list[str]] = {}
        for ref in refs:
            for line in await self._store.lines(workspace_id, sql.LINES_ON, kind, ref):
                lines.setdefault(line, []).append(ref)
        whole: FactErasure | None = None
        for ref in refs:
            of_ref = [line for line, on in lines.items() if ref in on]

            def gone(line: str, ref: str = ref) -> Statement:
                return sql.UNSUPPORT, (workspace_id, line, kind, ref)

            whole = _together(whole, await self._store.unsupport(workspace_id, of_ref, gone, ""))
        return whole

    async def thread_gone(self, workspace_id: str, thread_id: str) -> FactErasure | None:
        own = await self._store.lines(workspace_id, sql.LINES_OF_THREAD, thread_id)
        erased = await self._store.erase(workspace_id, own, "thread", "") if own else None
        prefix = f"{thread_id}#"
        resting = await self._store.lines(workspace_id, sql.LINES_ON_THREAD, prefix)

        def gone(line: str) -> Statement:
            return sql.UNSUPPORT_THREAD, (workspace_id, line, prefix)

        quotes = await self._store.unsupport(workspace_id, resting, gone, "")
        await self._store.unhear(workspace_id, thread_id)
        return _together(erased, quotes)

    async def going(
        self, workspace_id: str, names: Sequence[str], gone: Mapping[SupportKind, Sequence[str]]
    ) -> int:
        named = await self._store.lines_naming(workspace_id, names) if names else []
        count = await self._store.facts_in(workspace_id, named)
        resting: set[str] = set()
        for kind, refs in gone.items():
            for ref in refs:
                resting.update(await self._store.lines(workspace_id, sql.LINES_ON, kind, ref))
        for line in sorted(resting.difference(named)):
            rows = await self._store.line(workspace_id, line)
            count += len(dropped(rows, await self._store.supports(workspace_id, line), gone))
        return count

    async def forget_naming(self, workspace_id: str, names: Sequence[str]) -> FactErasure | None:
        lines = await self._store.lines_naming(workspace_id, names)
        return await self._store.erase(workspace_id, lines, "subject", "") if lines else None

    # --- policy -------------------------------------------------------------------------------

    async def policy(self, principal: Principal) -> FactPolicy:
        return await policy_of(self._store, principal.workspace_id)

    async def set_policy(self, principal: Principal, policy: FactPolicy) -> FactPolicy:
        if not principal.may("admin"):
            raise PermissionDenied(
                "what a workspace remembers is said by an administrator", code="auth.denied.fact_policy"
            )
        return await keep_policy(self._store, principal.workspace_id, policy)

    def _no_secret(self, *texts: str) -> None:
        if self._screening.secret(*texts):
            raise InvalidInput(
                "this looks like a password or a key, which is not remembered; keep it as a connection",
                code="input.fact.secret",
            )

    # --- what is where ------------------------------------------------------------------------

    async def _seen(self, principal: Principal, fact_id: str) -> Stored:
        """The newest version. Raises NotFound, also for what the caller may not see."""
        viewer = await self._viewers.of(principal.workspace_id, principal.id)
        rows = await self._store.versions(principal.workspace_id, fact_id) if fact_id.isprintable() else []
        if not rows or not viewer.sees(rows[-1].fact):
            raise NotFound(
                f"there is no fact {fact_id[:60]!r}; `flowmatik facts list` shows those that there are",
                code="not_found.fact",
                context={"fact": fact_id[:60]},
            )
        return rows[-1]

    def _known(self, one: Stored) -> Stored:
        if not one.current:
            raise _retracted(one.fact.id)
        return one

    async def _current(self, workspace_id: str, fact_id: str) -> Fact:
        rows = await self._store.versions(workspace_id, fact_id)
        if not rows:
            raise _retracted(fact_id)  # it was erased at this moment
        return await self._shown(workspace_id, rows[-1])

    async def _shown(self, workspace_id: str, one: Stored) -> Fact:
        supports = await self._store.supports(workspace_id, one.line)
        rivals = await self._rivals(workspace_id, [one], LATEST) if one.current else {}
        return replace(
            one.fact,
            supports=supports_of(one.fact, supports),
            contradicts=tuple(sorted(rivals.get(one.fact.id, ()))),
        )

    async def _rivals(self, workspace_id: str, rows: Sequence[Stored], recorded: str) -> dict[str, set[str]]:
        """What contradicts each of these, as it was recorded then."""
        found: dict[str, set[str]] = {}
        lines = sorted({one.line for one in rows if not one.many})
        if not lines:
            return found
        places = ", ".join(["{}"] * len(lines))
        where: list[Condition] = [(f"f.line IN ({places})", lines), (sql.RIVALS, ())]
        of_lines = await self._store.as_of(workspace_id, where, recorded=recorded, limit=10_000)
        for line in {one.line for one in of_lines}:
            for one, other in contradictions([row.version for row in of_lines if row.line == line]):
                found.setdefault(one, set()).add(other)
        return found


def _conditions(wanted: FactFilter) -> list[Condition]:
    found: list[Condition] = []
    if wanted.scope is not None:
        found.append(("l.scope = {}", (wanted.scope.value,)))
    if wanted.owner:
        found.append(("l.owner = {}", (wanted.owner,)))
    if wanted.subject:
        found.append(("l.subject_key = {}", (key_of(wanted.subject),)))
    if wanted.predicate:
        found.append(("l.predicate = {}", (predicate_of(wanted.predicate),)))
    for word in key_of(wanted.text).split()[:10]:
        told = "l.subject_key LIKE {} OR l.predicate LIKE {} OR f.value_key LIKE {}"
        like = "%" + word.replace("%", "").replace("_", "") + "%"
        found.append((told, (like, like, like)))
    if wanted.contradicted:
        found.append((sql.RIVALS, ()))
    return found


def _together(one: FactErasure | None, other: FactErasure | None) -> FactErasure | None:
    """Of two certificates the later one, with what both say is gone."""
    if one is None or other is None:
        return other or one
    return replace(
        other,
        what=one.what,
        facts=one.facts + other.facts,
        versions=one.versions + other.versions,
        supports=one.supports + other.supports,
    )


def _retracted(fact_id: str) -> Conflict:
    return Conflict(
        f"fact {fact_id[:60]!r} is not known to be so any more; `flowmatik facts history` shows "
        "what came after",
        code="conflict.fact_retracted",
        context={"fact": fact_id[:60]},
    )
