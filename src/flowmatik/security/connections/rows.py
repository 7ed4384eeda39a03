"""The tables `connections` and `connection_logins`. Every statement is within one workspace."""

import hashlib
from dataclasses import dataclass

from flowmatik.contracts.database import Database, Row, Statement

_SELECT = (
    "SELECT owner, name, sealed, state, scopes, expires_at, updated_at, version, renewing_until"
    " FROM connections WHERE workspace_id = $1"
)
_LOGIN = (
    "SELECT owner, name, sealed, redirect_uri, expires_at FROM connection_logins"
    " WHERE workspace_id = $1 AND state_hash = $2 AND begun_by = $3"
)
_TAKE_LOGIN = "DELETE FROM connection_logins WHERE workspace_id = $1 AND state_hash = $2 AND begun_by = $3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One row of `connections`; `expires_at` in Unix seconds, 0 when nobody said."""

    owner: str
    name: str
    sealed: str
    state: str
    scopes: str = ""
    expires_at: int = 0
    updated_at: str = ""
    version: int = 1
    renewing_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    owner: str
    name: str
    sealed: str
    redirect_uri: str
    expires_at: int


class ConnectionRows:
    def __init__(self, database: Database, workspace_id: str) -> None:
        self._database = database.within(workspace_id)
        self._workspace = workspace_id

    async def find(self, owner: str, name: str) -> Kept | None:
        rows = await self._database.fetch(
            _SELECT + " AND owner = $2 AND name = $3",
            self._workspace,
            owner,
            name,
        )
        return _kept(rows[0]) if rows else None

    async def of(self, owner: str) -> list[Kept]:
        rows = await self._database.fetch(
            _SELECT + " AND owner IN ($2, '')",
            self._workspace,
            owner,
        )
        return [_kept(row) for row in rows]

    async def put(self, kept: Kept) -> None:
        """In place of what was there; whoever renews the old one finds another version."""
        await self._database.transaction([self._put(kept)])

    def _put(self, kept: Kept) -> Statement:
        return (
            "INSERT INTO connections"
            " (workspace_id, owner, name, sealed, state, scopes, expires_at, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workspace_id, owner, name) DO UPDATE SET"
            " sealed = excluded.sealed, state = excluded.state, scopes = excluded.scopes,"
            " expires_at = excluded.expires_at, updated_at = excluded.updated_at, renewing_until = 0,"
            " version = connections.version + 1",
            (
                self._workspace,
                kept.owner,
                kept.name,
                kept.sealed,
                kept.state,
                kept.scopes,
                kept.expires_at,
                kept.updated_at,
            ),
        )

    async def claim(self, kept: Kept, *, now: int, until: int) -> bool:
        """Whether it is ours to renew, until then: of all processes one may."""
        (count,) = await self._database.transaction(
            [
                (
                    "UPDATE connections SET renewing_until = $1 WHERE workspace_id = $2 AND owner = $3"
                    " AND name = $4 AND version = $5 AND renewing_until <= $6",
                    (until, self._workspace, kept.owner, kept.name, kept.version, now),
                )
            ]
        )
        return count == 1

    async def renewed(self, kept: Kept, fresh: Kept) -> bool:
        """`fresh` in place of `kept`, unless somebody put another there meanwhile."""
        (count,) = await self._database.transaction(
            [
                (
                    "UPDATE connections SET sealed = $1, state = $2, scopes = $3, expires_at = $4,"
                    " updated_at = $5, renewing_until = 0, version = version + 1"
                    " WHERE workspace_id = $6 AND owner = $7 AND name = $8 AND version = $9",
                    (
                        fresh.sealed,
                        fresh.state,
                        fresh.scopes,
                        fresh.expires_at,
                        fresh.updated_at,
                        self._workspace,
                        kept.owner,
                        kept.name,
                        kept.version,
                    ),
                )
            ]
        )
        return count == 1

    async def give_up(self, kept: Kept) -> None:
        """Others may try to renew it now."""
        await self._database.transaction(
            [
                (
                    "UPDATE connections SET renewing_until = 0 WHERE workspace_id = $1 AND owner = $2"
                    " AND name = $3 AND version = $4",
                    (self._workspace, kept.owner, kept.name, kept.version),
                )
            ]
        )

    async def remove(self, owner: str, name: str) -> None:
        await self._database.transaction(
            [
                (
                    "DELETE FROM connections WHERE workspace_id = $1 AND owner = $2 AND name = $3",
                    (self._workspace, owner, name),
                )
            ]
        )

    async def begin(self, state: str, begun_by: str, begun: Begun, *, now: int) -> None:
        """And forget logins that are too old."""
        await self._database.transaction(
            [
                (
                    "DELETE FROM connection_logins WHERE workspace_id = $1 AND expires_at <= $2",
                    (self._workspace, now),
                ),
                (
                    "INSERT INTO connection_logins (state_hash, workspace_id, begun_by, owner, name, sealed,"
                    " redirect_uri, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    (
                        hash_of(state),
                        self._workspace,
                        begun_by,
                        begun.owner,
                        begun.name,
                        begun.sealed,
                        begun.redirect_uri,
                        begun.expires_at,
                    ),
                ),
            ]
        )

    async def take(self, state: str, begun_by: str, *, now: int) -> Begun | None:
        """Of two who come with the same state one gets it, and nobody but who began."""
        given = (self._workspace, hash_of(state), begun_by)
        rows = await self._database.fetch(_LOGIN, *given)
        (count,) = await self._database.transaction([(_TAKE_LOGIN, given)])
        if not rows or not count or int(rows[0][4]) <= now:
            return None
        owner, name, sealed, redirect_uri, expires_at = rows[0]
        return Begun(
            owner=str(owner),
            name=str(name),
            sealed=str(sealed),
            redirect_uri=str(redirect_uri),
            expires_at=int(expires_at),
        )


def hash_of(state: str) -> str:
    """A state is 256 random bits: there is nothing to guess, and whoever reads the table cannot use it."""
    return hashlib.sha256(state.encode()).hexdigest()


def _kept(row: Row) -> Kept:
    owner, name, sealed, state, scopes, expires_at, updated_at, version, renewing = row
    return Kept(
        owner=str(owner),
        name=str(name),
        sealed=str(sealed),
        state=str(state),
        scopes=str(scopes),
        expires_at=int(expires_at),
        updated_at=str(updated_at),
        version=int(version),
        renewing_until=int(renewing),
    )
