"""Budgets and teams of a server, for the command line."""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.budgets import Budget, BudgetAlert, BudgetUse, DisplayCurrency, TeamMember


class _Budgets(Listed[BudgetUse]):
    display: DisplayCurrency | None = None


_BUDGETS = TypeAdapter(_Budgets)
_BUDGET = TypeAdapter(BudgetUse)
_ALERTS = TypeAdapter(Listed[BudgetAlert])
_MEMBERS = TypeAdapter(Listed[TeamMember])
_MEMBER = TypeAdapter(TeamMember)


class RemoteBudgets:
    """Implements `BudgetAccess`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def display(self) -> DisplayCurrency | None:
        return (await self._server.ask(_BUDGETS, "GET", "/v1/budgets")).display

    async def list(self, workspace_id: str) -> Sequence[BudgetUse]:
        del workspace_id
        return list((await self._server.ask(_BUDGETS, "GET", "/v1/budgets")).items)

    async def get(self, workspace_id: str, scope: str) -> BudgetUse:
        del workspace_id
        return await self._server.ask(_BUDGET, "GET", _path(scope))

    async def put(self, workspace_id: str, budget: Budget) -> BudgetUse:
        del workspace_id
        body = {
            "limit_usd": str(Decimal(budget.limit_micros).scaleb(-6)),
            "soft": budget.soft,
            "thresholds": list(budget.thresholds),
        }
        return await self._server.ask(_BUDGET, "PUT", _path(budget.scope), json=body)

    async def lift(self, workspace_id: str, scope: str) -> None:
        del workspace_id
        await self._server.json("DELETE", _path(scope))

    async def alerts(self, workspace_id: str, *, scope: str = "", limit: int = 100) -> Sequence[BudgetAlert]:
        del workspace_id
        params = {"scope": scope, "limit": limit}
        return list((await self._server.ask(_ALERTS, "GET", "/v1/budgets/alerts", params=params)).items)


class RemoteTeams:
    """Implements `Teams`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def members(self, workspace_id: str) -> Sequence[TeamMember]:
        del workspace_id
        return list((await self._server.ask(_MEMBERS, "GET", "/v1/teams")).items)

    async def add(self, workspace_id: str, team: str, principal: str) -> TeamMember:
        del workspace_id
        return await self._server.ask(_MEMBER, "PUT", _member(team, principal))

    async def remove(self, workspace_id: str, team: str, principal: str) -> None:
        del workspace_id
        await self._server.json("DELETE", _member(team, principal))


def _path(scope: str) -> str:
    return f"/v1/budgets/{quote(scope, safe='')}"


def _member(team: str, principal: str) -> str:
    return f"/v1/teams/{quote(team, safe='')}/members/{quote(principal, safe='')}"
