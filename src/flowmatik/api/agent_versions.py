"""/v1/agents: versions, channels, history and files of the catalogue.

Addresses such as `/v1/agents:export` are of the whole catalogue: no agent's name can be there.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.channels import (
    MAX_REASON,
    STABLE,
    WHOLE,
    AgentChange,
    AgentDiff,
    AgentFile,
    AgentStanding,
    Author,
    Evaluation,
    ImportedChange,
    Promotion,
)
from flowmatik.contracts.security import Principal

router = APIRouter(tags=["agents"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]
Reason = Annotated[str, Field(max_length=MAX_REASON)]
ChannelName = Annotated[str, Field(min_length=1, max_length=63)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Promote(_Body):
    """`from` is the channel whose version `to` is to have, for `weight` per cent of new threads. `expected`:
    the revision that the caller has seen; when it is another one by now, 409."""

    source: ChannelName = Field(alias="from")
    to: ChannelName = STABLE
    weight: Annotated[int, Field(ge=1, le=WHOLE)] = WHOLE
    expected: Annotated[int, Field(ge=0)] | None = None
    reason: Reason = ""


class Rollback(_Body):
    channel: ChannelName = STABLE
    reason: Reason = ""


class Deprecate(_Body):
    """`block`: no new run gets the version at all. `lift`: it may be used again."""

    block: bool = False
    lift: bool = False
    reason: Reason = ""


class Score(_Body):
    """`score` from 0 to 1 over `n` cases of the evaluation set with this name and content hash."""

    set_name: Annotated[str, Field(min_length=1, max_length=200)]
    set_hash: Annotated[str, Field(max_length=100)]
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    n: Annotated[int, Field(ge=1, le=10**9)]
    model: Annotated[str, Field(max_length=200)] = ""


class Names(_Body):
    """Which agents; all when none is named."""

    names: Annotated[list[str], Field(max_length=2_000)] = []


class File(_Body):
    path: Annotated[str, Field(min_length=1, max_length=300)]
    text: Annotated[str, Field(max_length=1_000_000)]


class Import(_Body):
    """`dry_run`: only what would change."""

    files: Annotated[list[File], Field(min_length=1, max_length=2_000)]
    dry_run: bool = False
    reason: Reason = ""


class StandingList(BaseModel):
    items: tuple[AgentStanding, ...]
    next: str = ""


class ChangeList(BaseModel):
    items: tuple[AgentChange, ...]
    next: str = ""


class FileList(BaseModel):
    items: tuple[AgentFile, ...]
    next: str = ""


class ImportedList(BaseModel):
    items: tuple[ImportedChange, ...]
    next: str = ""


def author_of(principal: Principal, reason: str = "") -> Author:
    """As people know them: the user's or key's name, and its id, which no other has."""
    by = f"{principal.name} ({principal.id})" if principal.name else principal.id
    return Author(by=by, reason=reason)


@router.get("/v1/agents:standings")
async def standings(principal: Reader, at: Services) -> StandingList:
    """Channels, versions, origins and scores of every agent."""
    return StandingList(items=tuple(await at.versions.standings(principal.workspace_id)))


@router.post("/v1/agents:export")
async def export(body: Names, principal: Reader, at: Services) -> FileList:
    """The catalogue as files for Git."""
    return FileList(items=tuple(await at.versions.export(principal.workspace_id, body.names)))


@router.post("/v1/agents:import")
async def import_files(body: Import, principal: Writer, at: Services) -> ImportedList:
    """Files of an export, all of them or none; faults are named with file and line."""
    files = [AgentFile(path=one.path, text=one.text) for one in body.files]
    author = author_of(principal, body.reason)
    changes = await at.versions.import_files(principal.workspace_id, files, author, dry_run=body.dry_run)
    return ImportedList(items=tuple(changes))


@router.get("/v1/agents/{name}/versions")
async def standing(name: str, principal: Reader, at: Services) -> AgentStanding:
    """Where its channels point, and what is known of each version."""
    return await at.versions.standing(principal.workspace_id, name)


@router.get("/v1/agents/{name}/history")
async def history(name: str, principal: Reader, at: Services) -> ChangeList:
    """Who changed what, when and why; the newest first."""
    return ChangeList(items=tuple(await at.versions.history(principal.workspace_id, name)))


@router.get("/v1/agents/{ref}/diff")
async def diff(
    ref: str, to: Annotated[str, Query(min_length=1, max_length=200)], principal: Reader, at: Services
) -> AgentDiff:
    """What is different in `to`, field by field."""
    return await at.versions.diff(principal.workspace_id, ref, to)


@router.post("/v1/agents/{name}/promote")
async def promote(name: str, body: Promote, principal: Writer, at: Services) -> AgentStanding:
    """409 when somebody else changed the agent first, or it is there already; it says what the state is."""
    wanted = Promotion(name=name, source=body.source, to=body.to, weight=body.weight, expected=body.expected)
    return await at.versions.promote(principal.workspace_id, wanted, author_of(principal, body.reason))


@router.post("/v1/agents/{name}/rollback")
async def rollback(name: str, body: Rollback, principal: Writer, at: Services) -> AgentStanding:
    """The channel points where it did before its last change."""
    author = author_of(principal, body.reason)
    return await at.versions.rollback(principal.workspace_id, name, author, channel=body.channel)


@router.post("/v1/agents/{ref}/deprecate")
async def deprecate(ref: str, body: Deprecate, principal: Writer, at: Services) -> AgentStanding:
    """Of `name@version`: runs that have it go on; new ones are warned, or refused when it is blocked."""
    author = author_of(principal, body.reason)
    return await at.versions.deprecate(principal.workspace_id, ref, author, block=body.block, lift=body.lift)


@router.post("/v1/agents/{ref}/evaluations", status_code=201)
async def evaluate(ref: str, body: Score, principal: Writer, at: Services) -> Evaluation:
    """Keep what `name@version` scored."""
    agent = await at.agents.get(principal.workspace_id, ref)
    evaluation = Evaluation(
        name=agent.name,
        version=agent.version,
        by=author_of(principal).by,
        **body.model_dump(),
    )
    await at.versions.record_evaluation(principal.workspace_id, evaluation)
    return evaluation
