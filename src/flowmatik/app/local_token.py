"""On its own home the command line is administrator, by file permission: whoever can read the
token file (0600, in a folder 0700) holds an API key of the local administrator."""

import asyncio
from typing import TYPE_CHECKING

from flowmatik.app.local_key import token_in, token_path
from flowmatik.app.local_principal import local_principal
from flowmatik.app.private_file import write_private
from flowmatik.app.settings import Settings
from flowmatik.kernel.errors import Unauthenticated

if TYPE_CHECKING:
    from flowmatik.app.wiring import Platform

KEY_NAME = "local-cli"


async def ensure_local_token(platform: "Platform") -> str:
    """Write a working token, unless the file holds one already; the id of its principal."""
    path = token_path(platform.settings)
    token = await asyncio.to_thread(token_in, path)
    if token:
        try:
            return (await platform.identity.authenticate(token)).id
        except Unauthenticated:
            pass  # of another database, or revoked: a new one replaces it
    principal = local_principal(platform.workspace_id)
    key = await platform.identity.create_key(principal, KEY_NAME, ("admin",))
    await asyncio.to_thread(write_private, path, key.secret + "\n")
    return key.id


def read_local_token(settings: Settings) -> str:
    """Raises Unauthenticated when this user may not read it."""
    path = token_path(settings)
    token = token_in(path)
    if not token:
        raise Unauthenticated(
            f"the token {str(path)!r} of the running server cannot be read; run as the user who owns the "
            "home, or use --url with an API key",
            code="auth.local_token",
            context={"path": str(path)},
        )
    return token
