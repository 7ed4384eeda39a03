"""A server's ledger over HTTP."""

from typing import Any

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.ledger import BookingPage, CostQuery, CostReport, LedgerCheck, Rebuilt


class _Forgotten(BaseModel):
    bookings: int


_COSTS = TypeAdapter(CostReport)
_BOOKINGS = TypeAdapter(BookingPage)
_CHECK = TypeAdapter(LedgerCheck)
_REBUILT = TypeAdapter(Rebuilt)
_FORGOTTEN = TypeAdapter(_Forgotten)
LONG_SECONDS = 3600.0  # what reads every run takes as long as there are many


class RemoteLedger:
    """Implements `Ledger`; the workspace is the API key's."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def costs(
        self, workspace_id: str, query: CostQuery, *, cursor: str = "", limit: int = 50
    ) -> CostReport:
        del workspace_id
        return await self._server.ask(_COSTS, "GET", "/v1/costs", params=_asked(query, cursor, limit))

    async def bookings(
        self, workspace_id: str, query: CostQuery, *, cursor: str = "", limit: int = 500
    ) -> BookingPage:
        del workspace_id
        return await self._server.ask(_BOOKINGS, "GET", "/v1/ledger", params=_asked(query, cursor, limit))

    async def check(self, workspace_id: str) -> LedgerCheck:
        del workspace_id
        return await self._server.ask(_CHECK, "GET", "/v1/ledger/check", timeout=LONG_SECONDS)

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        del workspace_id
        return await self._server.ask(_REBUILT, "POST", "/v1/ledger/rebuild", timeout=LONG_SECONDS)

    async def forget_user(self, workspace_id: str, user: str) -> int:
        del workspace_id
        body = {"user": user}
        return (await self._server.ask(_FORGOTTEN, "POST", "/v1/ledger/forget-user", json=body)).bookings


def _asked(query: CostQuery, cursor: str, limit: int) -> dict[str, Any]:
    return {
        "by": list(query.by),
        "where": [f"{name}={value}" for name, values in query.where.items() for value in values],
        "since": query.since,
        "until": query.until,
        "cursor": cursor,
        "limit": limit,
    }
