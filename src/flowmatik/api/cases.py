"""/v1/cases: plans that worked, kept for goals like theirs."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from flowmatik.api.services import Services, needs
from flowmatik.contracts.cases import Case
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/cases", tags=["cases"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]


class CaseList(BaseModel):
    items: tuple[Case, ...]
    next: str = ""
    currency: str = "USD"


class Forgotten(BaseModel):
    forgotten: int


@router.get("")
async def list_cases(principal: Reader, at: Services) -> CaseList:
    """The newest first; those that are retired are proposed to no run any more."""
    return CaseList(items=tuple(await at.cases.list(principal.workspace_id)))


@router.delete("/{case_id}", status_code=204)
async def forget_case(case_id: str, principal: Writer, at: Services) -> None:
    await at.cases.forget(principal.workspace_id, case_id)


@router.delete("")
async def forget_all_cases(principal: Writer, at: Services) -> Forgotten:
    """Everything that the workspace has learned about plans."""
    return Forgotten(forgotten=await at.cases.forget_all(principal.workspace_id))
