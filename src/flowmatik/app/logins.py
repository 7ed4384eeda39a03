"""Servers that this user is logged in to: short-lived tokens, in the user's configuration folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from flowmatik.app.private_file import write_private
from flowmatik.app.setting_values import web_address
from flowmatik.kernel.errors import InvalidInput, Unauthenticated

FILE = "logins.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    username: str
    token: str = field(repr=False)
    expires_at: str  # RFC 3339, UTC


class Logins:
    """By the address of the server. A file that cannot be read counts as no login at all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        named = environment.get("XDG_CONFIG_HOME", "")
        base = Path(named) if named else Path(environment.get("HOME") or Path.home()) / ".config"
        self.path = base / "flowmatik" / FILE

    def token(self, url: str, now: datetime) -> str:
        """ "" when nobody has logged in there. Raises Unauthenticated (`auth.login_expired`)."""
        login = self._read().get(server_address(url))
        if login is None:
            return ""
        if datetime.fromisoformat(login.expires_at) <= now:
            raise Unauthenticated(
                f"the login to {url!r} has expired; run `flowmatik login --url {url}` again",
                code="auth.login_expired",
                context={"url": url},
            )
        return login.token

    def keep(self, url: str, login: Login) -> None:
        self._write({**self._read(), server_address(url): login})

    def forget(self, url: str = "") -> list[str]:
        """The addresses that were logged out: `url`, or all."""
        known = self._read()
        gone = [address for address in known if not url or address == server_address(url)]
        if gone:
            self._write({address: login for address, login in known.items() if address not in gone})
        return gone

    def _read(self) -> dict[str, Login]:
        try:
            found: Any = json.loads(self.path.read_text(encoding="utf-8"))
            return {url: Login(**fields) for url, fields in cast("dict[str, Any]", found).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self, logins: dict[str, Login]) -> None:
        write_private(self.path, json.dumps({url: asdict(login) for url, login in logins.items()}, indent=1))


def server_address(url: str) -> str:
    """Always the same text for the same server. Raises InvalidInput (`input.url`)."""
    try:
        address = web_address(url)
    except ValueError as error:
        address, why = "", str(error)
    else:
        why = "is missing"
    if not address:
        raise InvalidInput(f"--url {url!r} {why}", code="input.url", context={"url": url})
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"
