"""Short-lived access tokens: JWT (RFC 7519) signed with Ed25519, the algorithm pinned."""

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from flowmatik.contracts.security import IssuedToken, Principal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError, Unauthenticated

LIFETIME = timedelta(minutes=15)
ALGORITHM = "Ed25519"
ISSUER = AUDIENCE = "flowmatik"
KEY_FILE = "token-signing.jwk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Issues and checks tokens with the home's signing key."""

    key: OKPKey
    clock: Clock

    def issue(self, principal: Principal) -> IssuedToken:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "sub": principal.id,
            "name": principal.name,
            "workspace": principal.workspace_id,
            "scopes": sorted(principal.scopes),
        }
        token = jwt.encode({"alg": ALGORITHM}, claims, self.key, algorithms=[ALGORITHM])
        return IssuedToken(token=token, expires_in=int(LIFETIME.total_seconds()))

    def read(self, token: str) -> Principal:
        """Raises Unauthenticated: `auth.expired`, or `auth.invalid` for anything else."""
        try:
            claims = jwt.decode(token, self.key, algorithms=[ALGORITHM]).claims
            if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
                raise _invalid()
            expires, principal = int(claims["exp"]), _principal(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _invalid() from error
        if self.clock.now().timestamp() >= expires:
            raise Unauthenticated("the token has expired; log in again", code="auth.expired")
        return principal


def load_key(folder: Path) -> OKPKey:
    """The signing key of this home, made at the first use with mode 0600."""
    path = folder / KEY_FILE
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        try:
            return OKPKey.import_key(json.loads(path.read_text(encoding="utf-8")))
        except (JoseError, ValueError) as error:
            raise ConfigurationError(
                f"the signing key {str(path)!r} cannot be read; restore it, or delete it to make a new one "
                "(people must then log in again)",
                code="config.signing_key",
                context={"path": str(path)},
            ) from error
    key = OKPKey.generate_key("Ed25519")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(key.as_dict(private=True)))
    return key


def _principal(claims: dict[str, Any]) -> Principal:
    return Principal(
        id=str(claims["sub"]),
        name=str(claims["name"]),
        workspace_id=str(claims["workspace"]),
        scopes=frozenset(str(scope) for scope in claims["scopes"]),
    )


def _invalid() -> Unauthenticated:
    return Unauthenticated("the token is not valid; log in again", code="auth.invalid")
