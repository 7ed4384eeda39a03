"""What is said to an OAuth 2.1 authorisation server (draft-ietf-oauth-v2-1; RFC 6749, 7636, 7009, 8707)."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx

from flowmatik.security.connections.config import ConnectionSettings

SECONDS = 15.0
MOST_BYTES = 100_000
LONGEST_LIFE = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token endpoint gives; `expires_in` seconds, 0 when it does not say."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: int = 0
    scopes: tuple[str, ...] = ()


class Refused(Exception):
    """The server says no, for good: `error` is its code (RFC 6749, section 5.2)."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Away(Exception):
    """The server cannot be asked now, or answered with what is no answer."""


def new_verifier() -> str:
    """RFC 7636, section 4.1: 43 characters of 256 random bits."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """S256 (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorisation_url(settings: ConnectionSettings, redirect_uri: str, state: str, verifier: str) -> str:
    fields = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        **({"scope": " ".join(settings.scopes)} if settings.scopes else {}),
        **({"resource": settings.resource} if settings.resource else {}),
    }
    joint = "&" if urlsplit(settings.authorize_url).query else "?"
    return f"{settings.authorize_url}{joint}{urlencode(fields)}"


class AuthorisationServer:
    """One client of one server. `secret` "" is a public client."""

    def __init__(self, settings: ConnectionSettings, secret: str) -> None:
        self._settings = settings
        self._secret = secret

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Grant:
        """Raises Refused, Away."""
        return await self._granted(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )

    async def refresh(self, refresh_token: str) -> Grant:
        """Raises Refused, Away."""
        return await self._granted({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def revoke(self, token: str, kind: str) -> None:
        """As far as the server can be reached and knows how. Raises Away."""
        if self._settings.revoke_url and token:
            await self._posted(self._settings.revoke_url, {"token": token, "token_type_hint": kind})

    async def _granted(self, fields: dict[str, str]) -> Grant:
        fields |= {"resource": self._settings.resource} if self._settings.resource else {}
        status, body = await self._posted(self._settings.token_url, fields)
        if status in (400, 401, 403):
            error = body.get("error")
            raise Refused(error[:100] if isinstance(error, str) else f"HTTP {status}")
        token, refresh = body.get("access_token"), body.get("refresh_token", "")
        kind = str(body.get("token_type", "")).lower()
        if status != 200 or not isinstance(token, str) or not _plain(token) or kind != "bearer":
            raise Away(f"HTTP {status} without a bearer token")
        life, scope = body.get("expires_in", 0), body.get("scope", "")
        return Grant(
            access_token=token,
            refresh_token=refresh if isinstance(refresh, str) else "",
            expires_in=min(int(life), LONGEST_LIFE) if isinstance(life, int | float) and life > 0 else 0,
            scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        )

    async def _posted(self, url: str, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """A client with a secret says who it is by HTTP Basic (RFC 6749, section 2.3.1)."""
        headers = {"Accept": "application/json"}
        if self._secret:
            pair = f"{quote(self._settings.client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields = {**fields, "client_id": self._settings.client_id}
        try:
            async with (
                httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", url, data=fields, headers=headers) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_bytes(MOST_BYTES):
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise Away("its answer is too large")
                return answer.status_code, _object(body)
        except httpx.HTTPError as error:
            raise Away(type(error).__name__) from error


def _object(body: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise Away("its answer is no JSON") from error
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _plain(token: str) -> bool:
    """Of the characters that a header can carry (RFC 6750, section 2.1, read generously)."""
    return (
        bool(token) and len(token) <= 20_000 and token.isascii() and token.isprintable() and " " not in token
    )
