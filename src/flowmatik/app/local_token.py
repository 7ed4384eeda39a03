"""On its own home the command line is administrator, by file permission: whoever can read the
token file (0600, in a folder 0700) holds an API key of the local administrator."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from flowmatik.app.local_principal import local_principal
from flowmatik.app.private_file import write_private
from flowmatik.app.settings import Settings
from flowmatik.kernel.errors import Unauthenticated

if TYPE_CHECKING:
    from flowmatik.app.wiring import Platform

KEY_NAME = "local-cli"


async def ensure_local_token(platform: "Platform") -> str:
    """Write a working token, unless the file holds one already; the id of its principal."""
    path = _path(platform.settings)
    token = await asyncio.to_thread(_read, path)
    if token:
        try:
            return (await platform.identity.authenticate(token)).id
        except Unauthenticated:
            pass  # of another database, or revoked: a new one replaces it
    principal = local_principal(platform.workspace_id)
    key = await platform.identity.create_key(principal, KEY_NAME, ("admin",))
    await asyncio.to_thread(write_private, path, key.secret + "\n")
    return key.id


def local_key_id(settings: Settings) -> str:
    """Whose key the token is, "" when there is none that this user may read."""
    token = _read(_path(settings))
    named = token.removeprefix("fmk_").partition("_")[0]
    return f"key_{named}" if named else ""


def read_local_token(settings: Settings) -> str:
    """Raises Unauthenticated when this user may not read it."""
    path = _path(settings)
    token = _read(path)
    if not token:
        raise Unauthenticated(
            f"the token {str(path)!r} of the running server cannot be read; run as the user who owns the "
            "home, or use --url with an API key",
            code="auth.local_token",
            context={"path": str(path)},
        )
    return token


def _path(settings: Settings) -> Path:
    return settings.keys / "local-token"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
