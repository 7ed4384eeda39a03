"""/v1/playbooks: plans with parameters."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.plans import MAX_PLAN_BYTES
from flowmatik.contracts.playbooks import PlaybookVersion
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/playbooks", tags=["playbooks"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]


class PlaybookList(BaseModel):
    items: tuple[PlaybookVersion, ...]
    next: str = ""


class PlaybookText(BaseModel):
    """`text` is the YAML of the playbook; `filename` is only shown in faults."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=MAX_PLAN_BYTES)]
    filename: Annotated[str, Field(max_length=200)] = "playbook.yaml"


@router.get("")
async def list_playbooks(principal: Reader, at: Services) -> PlaybookList:
    return PlaybookList(items=tuple(await at.playbooks.list(principal.workspace_id)))


@router.get("/{ref}")
async def read_playbook(ref: str, principal: Reader, at: Services) -> PlaybookVersion:
    """`name`, or `name@version`."""
    return await at.playbooks.get(principal.workspace_id, ref)


@router.post("")
async def apply_playbook(body: PlaybookText, principal: Writer, at: Services) -> PlaybookVersion:
    """Make the playbook's version the current one. Faults are told with their lines."""
    return await at.playbooks.apply(principal.workspace_id, body.text, filename=body.filename)


@router.get("/{ref}/text")
async def playbook_text(ref: str, principal: Reader, at: Services) -> PlaybookText:
    """The YAML of `name` or `name@version` as it was applied, to be changed and applied again."""
    text = await at.playbooks.text(principal.workspace_id, ref)
    return PlaybookText(text=text, filename=f"{ref}.yaml")


@router.delete("/{name}", status_code=204)
async def remove_playbook(name: str, principal: Writer, at: Services) -> None:
    """No new run gets the playbook; its versions stay."""
    await at.playbooks.remove(principal.workspace_id, name)
