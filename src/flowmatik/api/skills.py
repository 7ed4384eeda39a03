"""/v1/skills: the skill folders of the installation, with their tools and what is wrong with them."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from flowmatik.api.services import Services, needs
from flowmatik.contracts.security import Principal
from flowmatik.contracts.skills import SkillFolder

router = APIRouter(prefix="/v1/skills", tags=["agents"])
Reader = Annotated[Principal, needs("agents:read")]


class SkillList(BaseModel):
    items: tuple[SkillFolder, ...]
    next: str = ""


@router.get("")
async def list_skills(principal: Reader, at: Services) -> SkillList:
    """Those that this process has loaded; every workspace has the same."""
    del principal
    return SkillList(items=tuple(await at.skills.list()))


@router.get("/{name}")
async def read_skill(name: str, principal: Reader, at: Services) -> SkillFolder:
    """One folder: what it is for, its tools, its files, its faults."""
    del principal
    return await at.skills.get(name)
