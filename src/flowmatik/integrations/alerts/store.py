"""Hooks and what they are to be told, in the tables `alert_hooks` and `alert_deliveries`."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from flowmatik.contracts.alerts import (
    MOST_ATTEMPTS,
    MOST_HOOKS,
    AlertDelivery,
    AlertHook,
    AlertKind,
    NewAlertHook,
)
from flowmatik.contracts.database import Database, Row
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound
from flowmatik.kernel.events import CloudEvent
from flowmatik.kernel.ids import new_id

KEPT_DAYS = 30
CLAIM_SECONDS = 60  # longer than any attempt takes
PAUSES = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000)  # seconds before each further attempt
_HOOKS = (
    "SELECT id, url, secret, kinds, language, allow_private, created_at FROM alert_hooks"
    " WHERE workspace_id = $1 ORDER BY created_at, id"
)
_ADD = (
    "INSERT INTO alert_hooks (workspace_id, id, url, secret, kinds, language, allow_private, created_at)"
    " SELECT $1, $2, $3, $4, $5, $6, CAST($7 AS BIGINT), $8"
    " WHERE (SELECT COUNT(*) FROM alert_hooks WHERE workspace_id = $1) < CAST($9 AS BIGINT)"
)
_NOTE = (
    "INSERT INTO alert_deliveries (workspace_id, hook_id, event_id, event, at, next_at)"
    " SELECT workspace_id, id, $1, $2, $3, CAST($4 AS BIGINT) FROM alert_hooks"
    " WHERE ',' || kinds || ',' LIKE '%,' || $5 || ',%' AND (workspace_id = $6 OR $6 = '')"
    " ON CONFLICT (workspace_id, hook_id, event_id) DO NOTHING"
)
_DUE = (
    "SELECT d.workspace_id, d.event_id, d.event, d.attempts, h.id, h.url, h.secret, h.kinds, h.language,"
    " h.allow_private, h.created_at FROM alert_deliveries d JOIN alert_hooks h"
    " ON h.workspace_id = d.workspace_id AND h.id = d.hook_id"
    " WHERE d.state = 'due' AND d.next_at <= $1 ORDER BY d.next_at LIMIT $2"
)
_CLAIM = (
    "UPDATE alert_deliveries SET attempts = attempts + 1, next_at = $5"
    " WHERE workspace_id = $1 AND hook_id = $2 AND event_id = $3 AND attempts = $4 AND state = 'due'"
)
_OUTCOME = (
    "UPDATE alert_deliveries SET state = $5, next_at = $6, status = $7, error = $8, message = $9"
    " WHERE workspace_id = $1 AND hook_id = $2 AND event_id = $3 AND attempts = $4 AND state = 'due'"
)
_DELIVERIES = (
    "SELECT event_id, event, state, attempts, at, next_at, status, error, message FROM alert_deliveries"
    " WHERE workspace_id = $1 AND hook_id = $2 ORDER BY at DESC, event_id DESC LIMIT $3"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """`attempts` that were made before."""

    workspace_id: str
    hook: AlertHook
    event: CloudEvent
    attempts: int


class HookStore:
    """Raises JournalUnavailable when the store is away. `everywhere` sees all workspaces."""

    def __init__(self, database: Database, everywhere: Database, clock: Clock) -> None:
        self._database = database
        self._everywhere = everywhere
        self._clock = clock

    async def hooks(self, workspace_id: str) -> list[AlertHook]:
        rows = await self._database.within(workspace_id).fetch(_HOOKS, workspace_id)
        return [_hook(row) for row in rows]

    async def hook(self, workspace_id: str, hook_id: str) -> AlertHook:
        found = next((one for one in await self.hooks(workspace_id) if one.id == hook_id), None)
        if found is None:
            raise _none(hook_id)
        return found

    async def add(self, workspace_id: str, new: NewAlertHook) -> AlertHook:
        hook_id, now = new_id("alh"), self._clock.now().isoformat()
        private = int(new.allow_private)
        values = (
            workspace_id,
            hook_id,
            new.url,
            new.secret,
            ",".join(new.kinds),
            new.language,
            private,
            now,
            MOST_HOOKS,
        )
        if not sum(await self._database.within(workspace_id).transaction([(_ADD, values)])):
            raise Conflict(
                f"there are {MOST_HOOKS} webhooks for alerts already, as many as a workspace may have; "
                "remove one first",
                code="conflict.alert_hooks",
                context={"most": MOST_HOOKS},
            )
        return _hook(values[1:-1])

    async def remove(self, workspace_id: str, hook_id: str) -> None:
        statements = [
            (
                "DELETE FROM alert_deliveries WHERE workspace_id = $1 AND hook_id = $2",
                (workspace_id, hook_id),
            ),
            ("DELETE FROM alert_hooks WHERE workspace_id = $1 AND id = $2", (workspace_id, hook_id)),
        ]
        if not (await self._database.within(workspace_id).transaction(statements))[-1]:
            raise _none(hook_id)

    async def deliveries(self, workspace_id: str, hook_id: str, limit: int) -> list[AlertDelivery]:
        await self.hook(workspace_id, hook_id)
        seen = self._database.within(workspace_id)
        return [_delivery(row) for row in await seen.fetch(_DELIVERIES, workspace_id, hook_id, limit)]

    async def note(self, event: CloudEvent, kind: AlertKind, workspace_id: str) -> None:
        """For all hooks of the workspace ("": of all) that hear of such; what was noted already is not noted
        again."""
        values = (event.id, canonical.dumps(event.to_json()), event.time, self._seconds(), kind, workspace_id)
        await self._everywhere.transaction([(_NOTE, values)])

    async def due(self, most: int) -> list[Due]:
        """Each taken by this process alone, and due again if it dies over it."""
        found: list[Due] = []
        now = self._seconds()
        for row in await self._everywhere.fetch(_DUE, now, most):
            workspace_id, event_id, event, attempts, *hook = row
            claim = (workspace_id, hook[0], event_id, attempts, now + CLAIM_SECONDS)
            if sum(await self._everywhere.transaction([(_CLAIM, claim)])):
                known = replace(CloudEvent.from_json(canonical.loads(event)), workspace_id=workspace_id)
                found.append(Due(workspace_id=workspace_id, hook=_hook(hook), event=known, attempts=attempts))
        return found

    async def told(self, due: Due, status: int) -> None:
        await self._outcome(due, "told", 0, (status, "", ""))

    async def refused(self, due: Due, said: tuple[int, str, str]) -> bool:
        """`said`: status, code, message. Whether it is tried again."""
        made = due.attempts + 1
        again = made < MOST_ATTEMPTS
        next_at = self._seconds() + PAUSES[min(made, len(PAUSES)) - 1] if again else 0
        await self._outcome(due, "due" if again else "failed", next_at, said)
        return again

    async def forget_old(self) -> None:
        before = datetime.fromtimestamp(self._seconds() - KEPT_DAYS * 86_400, UTC).isoformat()
        statement = "DELETE FROM alert_deliveries WHERE state <> 'due' AND at < $1"
        await self._everywhere.transaction([(statement, (before,))])

    async def _outcome(self, due: Due, state: str, next_at: int, said: tuple[int, str, str]) -> None:
        place = (due.workspace_id, due.hook.id, due.event.id, due.attempts + 1)
        await self._everywhere.transaction([(_OUTCOME, (*place, state, next_at, *said))])

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())


def _hook(row: Row) -> AlertHook:
    hook_id, url, secret, kinds, language, private, created_at = row
    return AlertHook(
        id=hook_id,
        url=url,
        secret=secret,
        kinds=cast("tuple[AlertKind, ...]", tuple(str(kinds).split(","))),
        language=language,
        allow_private=bool(private),
        created_at=created_at,
    )


def _delivery(row: Row) -> AlertDelivery:
    event_id, event, state, attempts, at, next_at, status, error, message = row
    body = cast("dict[str, Any]", canonical.loads(event))
    return AlertDelivery(
        event_id=event_id,
        type=body["type"],
        subject=body["subject"],
        state=state,
        attempts=int(attempts),
        at=at,
        next_at=datetime.fromtimestamp(int(next_at), UTC).isoformat() if next_at else "",
        status=int(status),
        error=error,
        message=message,
    )


def _none(hook_id: str) -> NotFound:
    return NotFound(
        f"there is no webhook for alerts {hook_id[:100]!r}; `flowmatik alerts hooks list` shows those that "
        "there are",
        code="not_found.alert_hook",
        context={"hook": hook_id[:100]},
    )
