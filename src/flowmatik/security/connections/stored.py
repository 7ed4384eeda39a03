"""Connections in the store: a person's keys, given to tools at the moment of a call and to nobody else."""

import asyncio
import json
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from flowmatik.contracts.connections import Connection, LoginBegun, State
from flowmatik.contracts.database import Database
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound, ToolError
from flowmatik.security.connections.config import ConnectionSettings, may_return_to
from flowmatik.security.connections.oauth import (
    AuthorisationServer,
    Away,
    Grant,
    Refused,
    authorisation_url,
    new_verifier,
)
from flowmatik.security.connections.rows import Begun, ConnectionRows, Kept
from flowmatik.security.connections.sealing import Sealer

log = logging.getLogger(__name__)
LOGIN_SECONDS = 600
EARLY_SECONDS = 30  # a token that ends sooner is renewed before it is used
RENEW_SECONDS = 30  # for how long one process has the right to
LOOK_SECONDS = 0.05
LONGEST_SECRET = 10_000
WORKSPACE = ""  # the owner of what everybody may use
Lookup = Callable[[str], str]


class StoredConnections:
    """Implements `Connections` and `Credentials`. `values` gives what a reference (`env:…`) stands for;
    `owner_of` who a principal is, where one person has several."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        known: Mapping[str, ConnectionSettings],
        *,
        values: Lookup,
        owner_of: Lookup = lambda principal: principal,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._known = dict(known)
        self._values = values
        self._owner_of = owner_of
        self._locks: defaultdict[tuple[str, str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def list(self, workspace_id: str, owner: str) -> tuple[Connection, ...]:
        mine = self._owner_of(owner)
        rows = await ConnectionRows(self._database, workspace_id).of(mine)
        found = {(row.owner, row.name): row for row in rows}
        told: list[Connection] = []
        for name, settings in sorted(self._known.items()):
            told.append(_view(name, settings, found.get((mine, name)), shared=False))
            if settings.shared or (WORKSPACE, name) in found:
                told.append(_view(name, settings, found.get((WORKSPACE, name)), shared=True))
        return tuple(told)

    async def put(
        self, workspace_id: str, owner: str, name: str, secret: str, *, shared: bool = False
    ) -> Connection:
        settings = self._settings(name)
        if settings.kind == "oauth":
            raise Conflict(
                f"{name!r} is made by a login: `flowmatik connections login {name}`",
                code="conflict.connection.kind",
                context={"name": name, "kind": settings.kind},
            )
        usable = secret.strip()
        if not usable or len(usable) > LONGEST_SECRET or not usable.isascii() or not usable.isprintable():
            raise InvalidInput(
                f"the key of {name!r} cannot be used: give printable ASCII, at most "
                f"{LONGEST_SECRET} characters",
                code="input.connection.secret",
                context={"name": name, "most": LONGEST_SECRET},
            )
        kept = self._sealed(workspace_id, self._whose(owner, shared), name, {"secret": usable})
        await ConnectionRows(self._database, workspace_id).put(kept)
        return _view(name, settings, kept, shared=shared)

    async def begin(
        self, workspace_id: str, owner: str, name: str, redirect_uri: str, *, shared: bool = False
    ) -> LoginBegun:
        settings = self._settings(name)
        if settings.kind != "oauth":
            raise Conflict(
                f"{name!r} takes a key and no login: `flowmatik connections add {name}`",
                code="conflict.connection.kind",
                context={"name": name, "kind": settings.kind},
            )
        if not may_return_to(settings, redirect_uri):
            raise InvalidInput(
                f"{redirect_uri[:200]!r} is no address to come back to; use http://127.0.0.1:PORT/… or one "
                "of redirect_uris in connections.yaml",
                code="input.connection.redirect",
                context={"uri": redirect_uri[:200]},
            )
        state, verifier, now = secrets.token_urlsafe(32), new_verifier(), self._now()
        whose = self._whose(owner, shared)
        begun = Begun(
            owner=whose,
            name=name,
            sealed=self._sealer.seal(verifier, "login", workspace_id, whose, name),
            redirect_uri=redirect_uri,
            expires_at=now + LOGIN_SECONDS,
        )
        rows = ConnectionRows(self._database, workspace_id)
        await rows.begin(state, self._owner_of(owner), begun, now=now)
        url = authorisation_url(settings, redirect_uri, state, verifier)
        return LoginBegun(url=url, state=state, expires_in=LOGIN_SECONDS)

    async def finish(self, workspace_id: str, owner: str, state: str, code: str) -> Connection:
        rows = ConnectionRows(self._database, workspace_id)
        begun = await rows.take(state, self._owner_of(owner), now=self._now())
        if begun is None:
            raise InvalidInput(
                "this login was not begun by you, was finished already, or took too long; begin again",
                code="input.connection.state",
            )
        settings = self._settings(begun.name)
        verifier = self._sealer.open(begun.sealed, "login", workspace_id, begun.owner, begun.name)
        try:
            grant = await self._server(settings).exchange(code, verifier, begun.redirect_uri)
        except Refused as error:
            raise InvalidInput(
                f"{begun.name!r} refused the login ({error.error}); begin again",
                code="input.connection.refused",
                context={"name": begun.name, "said": error.error},
            ) from error
        except Away as error:
            raise _unreachable(begun.name, str(error)) from error
        kept = self._granted(workspace_id, begun.owner, begun.name, grant, refresh="")
        await rows.put(kept)
        return _view(begun.name, settings, kept, shared=begun.owner == WORKSPACE)

    async def remove(self, workspace_id: str, owner: str, name: str, *, shared: bool = False) -> None:
        rows, whose = ConnectionRows(self._database, workspace_id), self._whose(owner, shared)
        kept = await rows.find(whose, name)
        if kept is None:
            raise NotFound(
                f"there is no connection {name!r} to remove",
                code="not_found.connection.own",
                context={"name": name},
            )
        await rows.remove(whose, name)
        settings = self._known.get(name)
        if settings is not None and settings.kind == "oauth":
            await self._revoke(workspace_id, kept, settings)

    async def _revoke(self, workspace_id: str, kept: Kept, settings: ConnectionSettings) -> None:
        try:
            held, server = self._opened(workspace_id, kept), self._server(settings)
            await server.revoke(str(held.get("refresh", "")), "refresh_token")
            await server.revoke(str(held.get("access", "")), "access_token")
        except (Away, FlowmatikError) as error:
            log.warning("a token could not be revoked", extra={"connection": kept.name, "why": str(error)})

    async def headers(
        self, workspace_id: str, principal: str, name: str, *, refused: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        settings = self._settings(name)
        rows, mine = ConnectionRows(self._database, workspace_id), self._owner_of(principal)
        kept = await rows.find(mine, name) if mine else None
        if kept is None and settings.shared:
            kept = await rows.find(WORKSPACE, name)
        if kept is None:
            verb = "login" if settings.kind == "oauth" else "add"
            raise ToolError(
                f"this needs your connection {name!r}, which you do not have yet; make it with `flowmatik "
                f"connections {verb} {name}`",
                code="tool.connection.missing",
                context={"connection": name, "verb": verb},
            )
        if kept.state == "refused":
            raise self._refusal(name, settings)
        if settings.kind != "oauth":
            return await self._key_headers(workspace_id, kept, settings, refused)
        return await self._token_headers(workspace_id, kept, settings, refused)

    async def _key_headers(
        self,
        workspace_id: str,
        kept: Kept,
        settings: ConnectionSettings,
        refused: Mapping[str, str] | None,
    ) -> Mapping[str, str]:
        secret = str(self._opened(workspace_id, kept)["secret"])
        headers = {settings.header: secret} if settings.kind == "api_key" else _bearer(secret)
        if refused is not None and dict(refused) == headers:
            await ConnectionRows(self._database, workspace_id).renewed(kept, replace(kept, state="refused"))
            raise self._refusal(kept.name, settings)
        return headers

    async def _token_headers(
        self,
        workspace_id: str,
        kept: Kept,
        settings: ConnectionSettings,
        refused: Mapping[str, str] | None,
    ) -> Mapping[str, str]:
        """A token that is good still. Whoever finds one that is not renews it, one at a time here and one of
        all processes, for a refresh token may be good only once."""
        rows, current = ConnectionRows(self._database, workspace_id), kept
        async with self._locks[workspace_id, kept.owner, kept.name]:
            for _ in range(int(RENEW_SECONDS / LOOK_SECONDS) + 1):
                found = await rows.find(current.owner, current.name)
                if found is None or found.state == "refused":
                    raise self._refusal(current.name, settings)
                current, now = found, self._now()
                headers = _bearer(str(self._opened(workspace_id, current)["access"]))
                ends = current.expires_at and current.expires_at - EARLY_SECONDS <= now
                if not ends and (refused is None or dict(refused) != headers):
                    return headers
                if await rows.claim(current, now=now, until=now + RENEW_SECONDS):
                    return await self._renewed(workspace_id, current, settings)
                await self._clock.sleep(LOOK_SECONDS)
        raise _unreachable(kept.name, "another process has been renewing it for too long")

    async def _renewed(
        self, workspace_id: str, kept: Kept, settings: ConnectionSettings
    ) -> Mapping[str, str]:
        rows = ConnectionRows(self._database, workspace_id)
        refresh = str(self._opened(workspace_id, kept).get("refresh", ""))
        try:
            if not refresh:
                raise Refused("no refresh token")
            grant = await self._server(settings).refresh(refresh)
        except Refused as error:
            log.warning("a connection was refused", extra={"connection": kept.name, "why": error.error})
            await rows.renewed(kept, replace(kept, state="refused", updated_at=self._moment()))
            raise self._refusal(kept.name, settings) from error
        except Away as error:
            await rows.give_up(kept)
            raise _unreachable(kept.name, str(error)) from error
        fresh = self._granted(workspace_id, kept.owner, kept.name, grant, refresh=refresh)
        await rows.renewed(kept, fresh)
        return _bearer(grant.access_token)

    def _granted(self, workspace_id: str, owner: str, name: str, grant: Grant, *, refresh: str) -> Kept:
        """`refresh` stays good when the server gives no other."""
        held = {"access": grant.access_token, "refresh": grant.refresh_token or refresh}
        kept = self._sealed(workspace_id, owner, name, held)
        ends = self._now() + grant.expires_in if grant.expires_in else 0
        return replace(kept, scopes=" ".join(grant.scopes), expires_at=ends)

    def _sealed(self, workspace_id: str, owner: str, name: str, held: Mapping[str, str]) -> Kept:
        sealed = self._sealer.seal(json.dumps(held), workspace_id, owner, name)
        return Kept(owner=owner, name=name, sealed=sealed, state="ok", updated_at=self._moment())

    def _opened(self, workspace_id: str, kept: Kept) -> dict[str, Any]:
        text = self._sealer.open(kept.sealed, workspace_id, kept.owner, kept.name)
        return cast("dict[str, Any]", json.loads(text))

    def _settings(self, name: str) -> ConnectionSettings:
        if name not in self._known:
            known = ", ".join(sorted(self._known)) or "–"
            raise NotFound(
                f"this installation knows no connection {name!r}; it knows {known}",
                code="not_found.connection",
                context={"name": name, "known": known},
            )
        return self._known[name]

    def _server(self, settings: ConnectionSettings) -> AuthorisationServer:
        secret = self._values(settings.client_secret) if settings.client_secret else ""
        return AuthorisationServer(settings, secret)

    def _whose(self, owner: str, shared: bool) -> str:
        return WORKSPACE if shared else self._owner_of(owner)

    def _refusal(self, name: str, settings: ConnectionSettings) -> ToolError:
        verb = "login" if settings.kind == "oauth" else "add"
        return ToolError(
            f"the connection {name!r} is no longer accepted there; make it anew with `flowmatik connections "
            f"{verb} {name}`",
            code="tool.connection.refused",
            context={"connection": name, "verb": verb},
        )

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _moment(self) -> str:
        return self._clock.now().isoformat()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _unreachable(name: str, said: str) -> ToolError:
    return ToolError(
        f"the service of the connection {name!r} cannot be asked now ({said}); try again later",
        code="tool.connection.unreachable",
        retryable=True,
        context={"connection": name, "said": said},
    )


def _view(name: str, settings: ConnectionSettings, kept: Kept | None, *, shared: bool) -> Connection:
    if kept is None:
        return Connection(name=name, kind=settings.kind, shared=shared)
    ends = datetime.fromtimestamp(kept.expires_at, UTC).isoformat() if kept.expires_at else ""
    return Connection(
        name=name,
        kind=settings.kind,
        state=cast("State", kept.state),
        shared=shared,
        scopes=tuple(kept.scopes.split()),
        expires_at=ends,
        updated_at=kept.updated_at,
    )
