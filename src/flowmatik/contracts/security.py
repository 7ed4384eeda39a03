"""Identity: who calls, for which workspace, with which rights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SCOPES = (
    "runs:read",
    "runs:write",
    "approvals:decide",
    "memory:read",
    "memory:write",
    "agents:read",
    "agents:write",
    "models:call",
    "admin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    id: str
    name: str
    workspace_id: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    token: str
    expires_in: int  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """`secret` is shown once and stored only as a hash."""

    id: str
    name: str
    secret: str
    scopes: tuple[str, ...]


class PrincipalRights(Protocol):
    async def rights_of(self, workspace_id: str, principal_id: str) -> frozenset[str]:
        """What a principal may do now, by its id; nothing for one that the workspace does not have (any
        more)."""
        ...


class UserNames(Protocol):
    async def names_of(self, workspace_id: str, ids: Sequence[str]) -> Sequence[str]:
        """The names of users by their ids, without those that the workspace does not have or has locked."""
        ...


class Identity(Protocol):
    """Raises Unauthenticated (`auth.required`, `auth.invalid`, `auth.expired`)."""

    async def login(self, username: str, password: str) -> IssuedToken:
        """argon2id check, then a short-lived JWT. The same time whether the user exists."""
        ...

    async def authenticate(self, credential: str) -> Principal:
        """A bearer JWT or an API key (`fmk_…`)."""
        ...

    async def create_key(self, principal: Principal, name: str, scopes: tuple[str, ...]) -> IssuedKey: ...

    async def create_first_admin(self, workspace_id: str) -> str | None:
        """The generated password, once; None when there is an administrator already."""
        ...
