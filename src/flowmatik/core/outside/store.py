"""The rows of calls outside of runs: what a journal is to runs. Everything is written by its statement alone,
once, so that whoever comes second changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.core import events as ev
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.ledger.forgetting import spellings

RESERVED, ENDED = 1, 2  # what of a call is booked
_COLUMNS = (
    "workspace_id, call_id, principal, at, expires_at, requested, ended_at, outcome_type, outcome, settled, "
    "booked"
)
_ALL = " ".join(("SELECT", _COLUMNS, "FROM outside_calls WHERE"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCall:
    """`requested` and `outcome` are what a run's journal would have of it, without any text; `outcome` None:
    it is still open."""

    workspace_id: str
    call_id: str
    principal: str
    at: str
    expires_at: str
    requested: ev.CallRequested
    ended_at: str = ""
    outcome: ev.CallSucceeded | ev.CallFailed | None = None
    settled: bool = False
    booked: int = 0


class OutsideStore:
    """`everywhere` sees all workspaces; `cleaning` takes away what is old."""

    def __init__(self, everywhere: Database, *, cleaning: Database | None = None) -> None:
        self._everywhere = everywhere
        self._cleaning = cleaning or everywhere

    async def add(self, call: OutsideCall) -> None:
        statement = (
            "INSERT INTO outside_calls (workspace_id, call_id, principal, at, expires_at, requested)"
            " VALUES ($1, $2, $3, $4, $5, $6)"
        )
        payload = ev.encode(call.requested).payload
        values = (call.workspace_id, call.call_id, call.principal, call.at, call.expires_at, payload)
        await self._everywhere.transaction([(statement, values)])

    async def drop(self, call: OutsideCall) -> None:
        """One that was refused: it never was."""
        statement = "DELETE FROM outside_calls WHERE workspace_id = $1 AND call_id = $2 AND ended_at = ''"
        await self._everywhere.transaction([(statement, (call.workspace_id, call.call_id))])

    async def end(self, call: OutsideCall, outcome: ev.CallSucceeded | ev.CallFailed, at: str) -> OutsideCall:
        """The first outcome stays; the call as it is after that."""
        encoded = ev.encode(outcome)
        statement = (
            "UPDATE outside_calls SET ended_at = $3, outcome_type = $4, outcome = $5, spent_micros = $6"
            " WHERE workspace_id = $1 AND call_id = $2 AND ended_at = ''"
        )
        values = (call.workspace_id, call.call_id, at, encoded.type, encoded.payload, outcome.cost_micros)
        await self._everywhere.transaction([(statement, values)])
        return (await self.get(call.workspace_id, call.call_id)) or call

    async def settled(self, call: OutsideCall) -> None:
        statement = "UPDATE outside_calls SET settled = 1 WHERE workspace_id = $1 AND call_id = $2"
        await self._everywhere.transaction([(statement, (call.workspace_id, call.call_id))])

    async def booked(self, calls: Sequence[OutsideCall]) -> None:
        """As far as these say."""
        statement = (
            "UPDATE outside_calls SET booked = $3 WHERE workspace_id = $1 AND call_id = $2 AND booked < $3"
        )
        await self._everywhere.transaction(
            [
                (statement, (one.workspace_id, one.call_id, RESERVED if one.outcome is None else ENDED))
                for one in calls
            ]
        )

    async def get(self, workspace_id: str, call_id: str) -> OutsideCall | None:
        """None also where a person was forgotten of it."""
        where = "workspace_id = $1 AND call_id = $2 AND requested <> ''"
        rows = await self._fetch(where, workspace_id, call_id)
        return rows[0] if rows else None

    async def of(self, workspace_id: str, after: str, limit: int) -> list[OutsideCall]:
        """Of one workspace in the order of their ids. Those of which a person was forgotten are left out."""
        where = "workspace_id = $1 AND call_id > $2 AND requested <> '' ORDER BY call_id LIMIT $3"
        return await self._fetch(where, workspace_id, after, limit)

    async def expired(self, now: str, limit: int) -> list[OutsideCall]:
        """Open ones of all workspaces whose makers are dead."""
        return await self._fetch("ended_at = '' AND expires_at < $1 ORDER BY expires_at LIMIT $2", now, limit)

    async def unsettled(self, before: str, limit: int) -> list[OutsideCall]:
        """Ended before that moment, and still unsettled."""
        where = "settled = 0 AND ended_at <> '' AND ended_at < $1 ORDER BY ended_at LIMIT $2"
        return await self._fetch(where, before, limit)

    async def unbooked(self, after: tuple[str, str], limit: int) -> list[OutsideCall]:
        """With something that the ledger does not have yet, after that time and id, the oldest first."""
        new = "booked < 2 AND (booked = 0 OR ended_at <> '') AND (at, call_id) > ($1, $2)"
        return await self._fetch(f"{new} ORDER BY at, call_id LIMIT $3", *after, limit)

    async def forget_user(self, workspace_id: str, user: str) -> None:
        """Of what is settled and booked only the amounts stay."""
        at = "instr" if self._everywhere.dialect == "sqlite" else "strpos"
        statement = " ".join(
            (
                "UPDATE outside_calls SET principal = '', requested = '', outcome = ''",
                "WHERE workspace_id = $1 AND settled = 1 AND booked = 2",
                f"AND (principal = $2 OR {at}(requested, $3) > 0 OR {at}(requested, $4) > 0)",
            )
        )
        values = (workspace_id, user, *spellings(user))
        await self._everywhere.transaction([(statement, values)])

    async def forget(self, before: str) -> None:
        """Calls from before that moment of which nothing is left to do, and what they drew; caps keep what
        was spent."""
        old = "at < $1 AND settled = 1 AND booked = 2"
        some = " ".join(("SELECT call_id FROM outside_calls WHERE", old))
        drop: list[Statement] = [
            (" ".join(("DELETE FROM allotments WHERE run_id IN (", some, ")")), (before,)),
            (" ".join(("DELETE FROM outside_calls WHERE", old)), (before,)),
        ]
        await self._cleaning.transaction(drop)

    async def _fetch(self, where: str, *params: Any) -> list[OutsideCall]:
        return [_call(row) for row in await self._everywhere.fetch(" ".join((_ALL, where)), *params)]


def _call(row: Row) -> OutsideCall:
    workspace_id, call_id, principal, at, expires_at, asked, ended_at, kind, outcome, settled, booked = row
    requested = ev.decode(StoredEvent(seq=1, type="CallRequested", payload=asked, at=at))
    ended = ev.decode(StoredEvent(seq=2, type=kind, payload=outcome, at=ended_at)) if outcome else None
    return OutsideCall(
        workspace_id=workspace_id,
        call_id=call_id,
        principal=principal,
        at=at,
        expires_at=expires_at,
        requested=cast("ev.CallRequested", requested),
        ended_at=ended_at,
        outcome=cast("ev.CallSucceeded | ev.CallFailed | None", ended),
        settled=bool(settled),
        booked=booked,
    )
