"""An OAuth 2.1 authorisation server for tests, as strict as the draft: exact redirect addresses, PKCE with
S256 only, codes that are good once, refresh tokens that rotate and whose reuse ends the grant. What works
with it is no proof of what works with every provider."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route


@dataclass(slots=True, kw_only=True)
class Given:
    """What a code stands for."""

    redirect_uri: str
    challenge: str
    grant: str


@dataclass(slots=True, kw_only=True)
class OAuthServer:
    """Everybody who comes agrees at once. `redirects`: addresses that may be returned to, beside any port
    of the loopback address with the same path. `refreshed` counts renewals that were asked for; `away`
    answers 503; `life` in seconds."""

    client_id: str = "flowmatik"
    secret: str = ""
    redirects: tuple[str, ...] = ("http://127.0.0.1/flowmatik/callback",)
    life: int = 3600
    away: bool = False
    codes: dict[str, Given] = field(default_factory=lambda: {})
    access: dict[str, str] = field(default_factory=lambda: {})
    refresh: dict[str, str] = field(default_factory=lambda: {})
    used: dict[str, str] = field(default_factory=lambda: {})
    ended: set[str] = field(default_factory=lambda: set[str]())
    refreshed: int = 0
    revoked: list[str] = field(default_factory=lambda: [])

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/revoke", self._revoke, methods=["POST"]),
            ]
        )

    async def accepts(self, authorization: str) -> bool:
        """Whether an API would take this header."""
        grant = self.access.get(authorization.removeprefix("Bearer "))
        return grant is not None and grant not in self.ended

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        redirect, challenge = asked.get("redirect_uri", ""), asked.get("code_challenge", "")
        known = redirect in self.redirects or _without_port(redirect) in self.redirects
        if asked.get("client_id") != self.client_id or not known:
            return JSONResponse({"error": "invalid_request"}, 400)
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return RedirectResponse(f"{redirect}?{urlencode({'error': 'invalid_request'})}")
        code = secrets.token_urlsafe(16)
        self.codes[code] = Given(redirect_uri=redirect, challenge=challenge, grant=secrets.token_hex(4))
        return RedirectResponse(f"{redirect}?{urlencode({'code': code, 'state': asked.get('state', '')})}")

    async def _token(self, request: Request) -> Response:
        fields = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if self.away:
            return JSONResponse({}, 503)
        if not self._is_client(request, fields):
            return JSONResponse({"error": "invalid_client"}, 401)
        if fields.get("grant_type") == "authorization_code":
            given = self.codes.pop(fields.get("code", ""), None)
            digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
            right = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if given is None or (given.redirect_uri, given.challenge) != (fields.get("redirect_uri"), right):
                return JSONResponse({"error": "invalid_grant"}, 400)
            return self._issue(given.grant)
        return self._renew(fields.get("refresh_token", ""))

    def _renew(self, token: str) -> Response:
        self.refreshed += 1
        if token in self.used:  # somebody else has it: neither may go on
            self.ended.add(self.used[token])
        grant = self.refresh.pop(token, None)
        if grant is None or grant in self.ended:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.used[token] = grant
        return self._issue(grant)

    def _issue(self, grant: str) -> Response:
        access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.access = {token: of for token, of in self.access.items() if of != grant} | {access: grant}
        self.refresh[refresh] = grant
        return JSONResponse(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": self.life,
                "refresh_token": refresh,
                "scope": "crm.read",
            }
        )

    def _is_client(self, request: Request, fields: dict[str, str]) -> bool:
        if not self.secret:
            return fields.get("client_id") == self.client_id
        pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {pair}"

    async def _revoke(self, request: Request) -> Response:
        token = parse_qs((await request.body()).decode()).get("token", [""])[0]
        self.revoked.append(token)
        self.ended |= {
            of for known in (self.access, self.refresh) for one, of in known.items() if one == token
        }
        return Response()


def _without_port(uri: str) -> str:
    """A loopback address may have any port (RFC 8252, section 7.3)."""
    head, _, rest = uri.partition("http://127.0.0.1:")
    return uri if head or not rest else f"http://127.0.0.1/{rest.partition('/')[2]}"
