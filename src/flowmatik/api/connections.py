"""Connections over HTTP: the keys with which tools act at other services as the person who asked.

Whoever comes back from a service hands over state and code with their own credential: a callback that anybody
could open would let one person put their login in another's place.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs, require
from flowmatik.contracts.connections import Connection, LoginBegun
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/connections", tags=["connections"])
Reader = Annotated[Principal, needs("runs:read")]
Writer = Annotated[Principal, needs("runs:write")]
ADMIN = "admin"


class ConnectionList(BaseModel):
    items: list[Connection]
    next: str | None = None


class Secret(BaseModel):
    """An API key or a bearer token. `shared`: for the whole workspace."""

    model_config = ConfigDict(extra="forbid")

    secret: Annotated[str, Field(min_length=1, max_length=10_000)]
    shared: bool = False


class LoginWanted(BaseModel):
    """`redirect_uri`: where the service sends the person back to."""

    model_config = ConfigDict(extra="forbid")

    redirect_uri: Annotated[str, Field(min_length=1, max_length=2_000)]
    shared: bool = False


class Returned(BaseModel):
    """What the service sent back with the person."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[str, Field(min_length=1, max_length=500)]
    code: Annotated[str, Field(min_length=1, max_length=4_000)]


@router.get("")
async def list_connections(principal: Reader, at: Services) -> ConnectionList:
    """All that the installation knows, with what the caller has of each; nothing secret."""
    return ConnectionList(items=list(await at.connections.list(principal.workspace_id, principal.id)))


@router.post("/callback")
async def finish_login(body: Returned, principal: Writer, at: Services) -> Connection:
    """The second half of a login, once, by whoever began it."""
    return await at.connections.finish(principal.workspace_id, principal.id, body.state, body.code)


@router.put("/{name}")
async def put_connection(name: str, body: Secret, principal: Writer, at: Services) -> Connection:
    """Keep a key, in place of what was there. The workspace's own needs the scope admin."""
    _may(principal, body.shared)
    return await at.connections.put(
        principal.workspace_id, principal.id, name, body.secret, shared=body.shared
    )


@router.post("/{name}/login")
async def begin_login(name: str, body: LoginWanted, principal: Writer, at: Services) -> LoginBegun:
    """The first half of OAuth's authorisation code flow: where to send the person."""
    _may(principal, body.shared)
    return await at.connections.begin(
        principal.workspace_id, principal.id, name, body.redirect_uri, shared=body.shared
    )


@router.delete("/{name}", status_code=204)
async def remove_connection(name: str, principal: Writer, at: Services, shared: bool = False) -> Response:
    """Forgotten, and revoked at the service where it can be."""
    _may(principal, shared)
    await at.connections.remove(principal.workspace_id, principal.id, name, shared=shared)
    return Response(status_code=204)


def _may(principal: Principal, shared: bool) -> None:
    if shared:
        require(principal, ADMIN)
