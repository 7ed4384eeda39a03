"""Users with passwords, and API keys: what is stored proves who calls, and reveals nothing.

Passwords are hashed with argon2id (RFC 9106). API keys are 256 random bits, so a plain SHA-256 is
enough: there is nothing to guess, and a slow hash would only make every request slow.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from flowmatik.contracts.database import Database
from flowmatik.contracts.security import SCOPES, IssuedKey, IssuedToken, Principal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, InvalidInput, PermissionDenied, Unauthenticated
from flowmatik.kernel.ids import new_id
from flowmatik.security.guesses import Guesses
from flowmatik.security.tokens import Tokens, load_key

ADMIN = "admin"
KEY_PREFIX = "fmk_"
PASSWORD_BYTES = 18  # 24 characters
MAX_PASSWORD = 1024


class StoredIdentity:
    """Implements `Identity` on the tables `users` and `api_keys`."""

    def __init__(
        self, database: Database, clock: Clock, keys: Path, *, lookups: Database | None = None
    ) -> None:
        """`keys` is the folder of the signing key. Whose workspace a name or a key belongs to is only known
        once it is found: `lookups` finds them in all of them; without one, `database` does."""
        self._database = database
        self._lookups = lookups or database
        self._clock = clock
        self._tokens = Tokens(key=load_key(keys), clock=clock)
        self._hasher = PasswordHasher()
        self._decoy = self._hasher.hash(secrets.token_hex(8))
        self._guesses = Guesses(clock)

    async def create_first_admin(self, workspace_id: str) -> str | None:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT id FROM users WHERE workspace_id = $1", workspace_id
        )
        if rows:
            return None
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        hashed = await asyncio.to_thread(self._hasher.hash, password)
        now = self._clock.now().isoformat()
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO users"
                    " (id, workspace_id, username, password_hash, scopes, created_at, disabled)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    (new_id("usr"), workspace_id, ADMIN, hashed, "admin", now, 0),
                )
            ]
        )
        return password

    async def login(self, username: str, password: str) -> IssuedToken:
        self._guesses.begin(username)
        try:
            rows = await self._lookups.fetch(
                "SELECT id, workspace_id, password_hash, scopes FROM users"
                " WHERE username = $1 AND disabled = 0",
                username,
            )
        except FlowmatikError:
            self._guesses.withdraw(username)
            raise
        hashed = str(rows[0][2]) if rows else self._decoy
        right = len(password) <= MAX_PASSWORD and await asyncio.to_thread(self._verify, hashed, password)
        if not (rows and right):
            raise Unauthenticated("wrong user name or password", code="auth.wrong_password")
        self._guesses.forget(username)
        user_id, workspace_id, _, scopes = rows[0]
        return self._tokens.issue(
            Principal(
                id=str(user_id),
                name=username,
                workspace_id=str(workspace_id),
                scopes=frozenset(str(scopes).split()),
            )
        )

    async def authenticate(self, credential: str) -> Principal:
        if credential.startswith(KEY_PREFIX):
            return await self._by_key(credential)
        return self._tokens.read(credential)

    async def create_key(self, principal: Principal, name: str, scopes: tuple[str, ...]) -> IssuedKey:
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise InvalidInput(
                f"{', '.join(map(repr, unknown)) or 'no scopes'}: use some of {', '.join(SCOPES)}",
                code="input.scopes",
                context={"scopes": ", ".join(unknown) or "–", "known": ", ".join(SCOPES)},
            )
        if not name.strip() or len(name) > 100:
            raise InvalidInput(
                f"the key's name {name[:100]!r} must have 1 to 100 characters",
                code="input.name",
                context={"name": name[:100], "most": 100},
            )
        beyond = [scope for scope in scopes if not principal.may(scope)]
        if beyond:
            names = ", ".join(beyond)
            raise PermissionDenied(
                f"you do not have {names} yourself, so a key cannot either",
                code="auth.denied.key",
                context={"scopes": names},
            )
        key_id = new_id("key")
        secret = f"{KEY_PREFIX}{key_id.removeprefix('key_')}_{secrets.token_urlsafe(32)}"
        await self._database.within(principal.workspace_id).transaction(
            [
                (
                    "INSERT INTO api_keys"
                    " (id, workspace_id, name, key_hash, prefix, scopes, created_at, owner)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce((SELECT owner FROM api_keys"
                    " WHERE workspace_id = $2 AND id = $8 AND owner <> ''), $8))",
                    (
                        key_id,
                        principal.workspace_id,
                        name,
                        _key_hash(secret),
                        secret[:12],
                        " ".join(scopes),
                        self._clock.now().isoformat(),
                        principal.id,
                    ),
                )
            ]
        )
        return IssuedKey(id=key_id, name=name, secret=secret, scopes=scopes)

    async def revoke_key(self, principal: Principal, key_id: str) -> bool:
        """False when the workspace has no such key, or it was revoked before."""
        (count,) = await self._database.within(principal.workspace_id).transaction(
            [
                (
                    "UPDATE api_keys SET revoked_at = $1"
                    " WHERE workspace_id = $2 AND id = $3 AND revoked_at = ''",
                    (self._clock.now().isoformat(), principal.workspace_id, key_id),
                )
            ]
        )
        return count > 0

    async def names_of(self, workspace_id: str, ids: Sequence[str]) -> Sequence[str]:
        """Implements `UserNames`."""
        within = self._database.within(workspace_id)
        found = [
            await within.fetch(
                "SELECT username FROM users WHERE workspace_id = $1 AND id = $2 AND disabled = 0",
                *(workspace_id, one),
            )
            for one in dict.fromkeys(ids)
        ]
        return [str(row[0]) for rows in found for row in rows]

    async def rights_of(self, workspace_id: str, principal_id: str) -> frozenset[str]:
        """Implements `PrincipalRights`."""
        within = self._database.within(workspace_id)
        rows = await within.fetch(
            "SELECT scopes FROM users WHERE workspace_id = $1 AND id = $2 AND disabled = 0",
            workspace_id,
            principal_id,
        )
        rows = rows or await within.fetch(
            "SELECT scopes FROM api_keys WHERE workspace_id = $1 AND id = $2 AND revoked_at = ''"
            " AND (expires_at = '' OR expires_at > $3)",
            workspace_id,
            principal_id,
            self._clock.now().isoformat(),
        )
        return frozenset(str(rows[0][0]).split()) if rows else frozenset()

    async def _by_key(self, credential: str) -> Principal:
        hashed = _key_hash(credential)
        rows = await self._lookups.fetch(
            "SELECT id, workspace_id, name, scopes, key_hash, expires_at FROM api_keys"
            " WHERE key_hash = $1 AND revoked_at = ''",
            hashed,
        )
        if not rows or not hmac.compare_digest(str(rows[0][4]), hashed):
            raise Unauthenticated("the API key is not valid; make a new one", code="auth.invalid")
        key_id, workspace_id, name, scopes, _, expires_at = rows[0]
        if expires_at and str(expires_at) <= self._clock.now().isoformat():
            raise Unauthenticated("the API key has expired; make a new one", code="auth.expired")
        return Principal(
            id=str(key_id),
            name=str(name),
            workspace_id=str(workspace_id),
            scopes=frozenset(str(scopes).split()),
        )

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _key_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
