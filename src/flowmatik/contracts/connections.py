"""Connections: the keys with which a tool acts at another service, a person's own or a workspace's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["oauth", "api_key", "bearer"]
State = Literal["none", "ok", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One that the installation knows, and how whoever asks has it. `state`: `none` nothing is there yet,
    `refused` the service takes it no more. `shared`: it is the workspace's. `expires_at`: RFC 3339 UTC, of
    the access token, "" when nobody said. Nothing secret is in it."""

    name: str
    kind: Kind
    state: State = "none"
    shared: bool = False
    scopes: tuple[str, ...] = ()
    expires_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginBegun:
    """`url` is where the person agrees; `state` comes back from there with a code."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    expires_in: int  # seconds


class Connections(Protocol):
    """What a person does with connections. `owner` is a principal; `shared` is for the workspace's own.

    Raises NotFound (`not_found.connection`) for a name that the installation does not know, InvalidInput for
    what cannot be used, Conflict (`conflict.connection.kind`) for a login where there is none.
    """

    async def list(self, workspace_id: str, owner: str) -> tuple[Connection, ...]:
        """All that the installation knows, by name; the workspace's own after the person's."""
        ...

    async def put(
        self, workspace_id: str, owner: str, name: str, secret: str, *, shared: bool = False
    ) -> Connection:
        """Keep an API key or a bearer token, in place of what was there."""
        ...

    async def begin(
        self, workspace_id: str, owner: str, name: str, redirect_uri: str, *, shared: bool = False
    ) -> LoginBegun:
        """The first half of the authorisation code flow with PKCE (RFC 7636, S256). `redirect_uri` is a
        loopback address (RFC 8252) or one of those that the installation lists."""
        ...

    async def finish(self, workspace_id: str, owner: str, state: str, code: str) -> Connection:
        """The second half, once, by whoever began it. Raises InvalidInput (`input.connection.state`)
        for a state that is another's, used, or too old."""
        ...

    async def remove(self, workspace_id: str, owner: str, name: str, *, shared: bool = False) -> None:
        """Forgotten here, and revoked at the service where it can be (RFC 7009). Raises NotFound
        (`not_found.connection.own`) when there is none."""
        ...


class Credentials(Protocol):
    """What tools ask for, at the moment of a call."""

    async def headers(
        self, workspace_id: str, principal: str, name: str, *, refused: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """HTTP headers with which to act as the person, or as the workspace where the installation allows
        that for this connection. `refused`: those that the service has just answered 401 to.

        Raises ToolError: `tool.connection.missing` (which connection to add), `tool.connection.refused`
        (it must be made anew), `tool.connection.unreachable` (retryable)."""
        ...
