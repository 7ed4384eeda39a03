"""/v1/budgets and /v1/teams: what runs together may cost, and who shares a budget; for administrators."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.budgets import (
    THRESHOLDS,
    Budget,
    BudgetAlert,
    BudgetUse,
    DisplayCurrency,
    TeamMember,
)
from flowmatik.contracts.security import Principal

router = APIRouter(tags=["operations"])
Administrator = Annotated[Principal, needs("admin")]
MICROS = 1_000_000


class BudgetList(BaseModel):
    """All amounts are millionths of a US dollar. `display`: what people are also shown them in, at a rate
    that the administrator has set; nothing is kept or reckoned in it."""

    items: tuple[BudgetUse, ...]
    next: str = ""
    currency: str = "USD"
    display: DisplayCurrency | None = None


class AlertList(BaseModel):
    items: tuple[BudgetAlert, ...]
    next: str = ""
    currency: str = "USD"


class MemberList(BaseModel):
    items: tuple[TeamMember, ...]
    next: str = ""


class BudgetBody(BaseModel):
    """`limit_usd`: US dollars with up to six decimals. A hard budget refuses what would pass it, a `soft` one
    only tells. `thresholds`: of which parts of the limit it tells, in per cent."""

    model_config = ConfigDict(extra="forbid")

    limit_usd: Annotated[Decimal, Field(ge=0, max_digits=16, decimal_places=6)]
    soft: bool = False
    thresholds: tuple[int, ...] = THRESHOLDS


@router.get("/v1/budgets")
async def list_budgets(principal: Administrator, at: Services) -> BudgetList:
    """With what was spent, what is set aside and what is left in the present day, month, or for all time."""
    found = await at.budgets.list(principal.workspace_id)
    return BudgetList(items=tuple(found), display=await at.budgets.display())


@router.get("/v1/budgets/alerts")
async def list_budget_alerts(
    principal: Administrator,
    at: Services,
    scope: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AlertList:
    """The newest first; of one scope, or of all."""
    return AlertList(items=tuple(await at.budgets.alerts(principal.workspace_id, scope=scope, limit=limit)))


@router.get("/v1/budgets/{scope:path}")
async def read_budget(scope: str, principal: Administrator, at: Services) -> BudgetUse:
    """`scope` as for PUT."""
    return await at.budgets.get(principal.workspace_id, scope)


@router.put("/v1/budgets/{scope:path}")
async def put_budget(scope: str, body: BudgetBody, principal: Administrator, at: Services) -> BudgetUse:
    """`scope`: `workspace`, `agent:NAME`, `user:NAME`, `team:NAME` or `provider:ID`, with `/day` or `/month`
    (UTC) after it if each of these has its own."""
    budget = Budget(
        scope=scope,
        limit_micros=int(body.limit_usd * MICROS),
        soft=body.soft,
        thresholds=body.thresholds,
    )
    return await at.budgets.put(principal.workspace_id, budget)


@router.delete("/v1/budgets/{scope:path}", status_code=204)
async def lift_budget(scope: str, principal: Administrator, at: Services) -> Response:
    """Nothing is refused by it any more."""
    await at.budgets.lift(principal.workspace_id, scope)
    return Response(status_code=204)


@router.get("/v1/teams")
async def list_team_members(principal: Administrator, at: Services) -> MemberList:
    return MemberList(items=tuple(await at.teams.members(principal.workspace_id)))


@router.put("/v1/teams/{team}/members/{member}")
async def add_team_member(team: str, member: str, principal: Administrator, at: Services) -> TeamMember:
    """`member`: a user or an API key, by name or id."""
    return await at.teams.add(principal.workspace_id, team, member)


@router.delete("/v1/teams/{team}/members/{member}", status_code=204)
async def remove_team_member(team: str, member: str, principal: Administrator, at: Services) -> Response:
    await at.teams.remove(principal.workspace_id, team, member)
    return Response(status_code=204)
