"""/v1/costs and /v1/ledger: what was spent, by whom and for what, and the bookings that say so."""

import csv
import io
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.ledger import (
    MOST_GROUPS,
    BookingPage,
    CostQuery,
    CostReport,
    LedgerCheck,
    Rebuilt,
    conditions,
    cost_table,
    plain_cell,
)
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1", tags=["money"])
Reader = Annotated[Principal, needs("runs:read")]
Administrator = Annotated[Principal, needs("admin")]


class ForgetUser(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1, max_length=200)


class Forgotten(BaseModel):
    bookings: int


class Asked(BaseModel):
    """`by`: dimensions, several at once; `since` and `until`: days (UTC), both included; `where`:
    `DIMENSION=VALUE`, of which one dimension may have several."""

    model_config = ConfigDict(extra="forbid")

    by: list[str] = Field(default_factory=lambda: [], max_length=20)
    since: str = ""
    until: str = ""
    where: list[str] = Field(default_factory=lambda: [], max_length=500)
    cursor: str = Field(default="", max_length=2000)
    limit: int = Field(default=50, ge=1, le=MOST_GROUPS)

    def query(self) -> CostQuery:
        return CostQuery(by=tuple(self.by), since=self.since, until=self.until, where=conditions(self.where))


class CostsAsked(Asked):
    format: Literal["json", "csv"] = "json"


@router.get("/costs", response_model=CostReport)
async def costs(
    principal: Reader, at: Services, asked: Annotated[CostsAsked, Query()]
) -> CostReport | Response:
    """What calls cost, the dearest groups first, in micro-dollars (US dollars). `format=csv` gives the same
    page as a table, with the header X-Next-Cursor in place of `next`."""
    query = asked.query()
    report = await at.ledger.costs(principal.workspace_id, query, cursor=asked.cursor, limit=asked.limit)
    if asked.format == "json":
        return report
    file = io.StringIO()
    heads, rows = cost_table(report, query.by)
    csv.writer(file).writerows([heads, *([plain_cell(cell) for cell in row] for row in rows)])
    headers = {"X-Next-Cursor": report.next} if report.next else {}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/ledger")
async def bookings(principal: Administrator, at: Services, asked: Annotated[Asked, Query()]) -> BookingPage:
    """The bookings themselves, in the order of days, runs and events."""
    return await at.ledger.bookings(
        principal.workspace_id, asked.query(), cursor=asked.cursor, limit=asked.limit
    )


@router.get("/ledger/check")
async def check(principal: Administrator, at: Services) -> LedgerCheck:
    """The ledger beside the journal and the caps; every difference is named. It reads every run."""
    return await at.ledger.check(principal.workspace_id)


@router.post("/ledger/rebuild")
async def rebuild(principal: Administrator, at: Services) -> Rebuilt:
    """From the journal, run by run, where they differ."""
    return await at.ledger.rebuild(principal.workspace_id)


@router.post("/ledger/forget-user")
async def forget_user(body: ForgetUser, principal: Administrator, at: Services) -> Forgotten:
    """Puts a pseudonym in place of a user's id in every booking, for good."""
    return Forgotten(bookings=await at.ledger.forget_user(principal.workspace_id, body.user))
