"""Addresses of webhooks: a token says which wait it ends, and that this home has issued it.

The MAC is the whole secret, so whoever knows the address may end the wait, once. It can be made again at
any time from the key, so nothing has to be stored.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from functools import partial
from pathlib import Path

from flowmatik.contracts.waits import Hook
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.security.key_file import key_in

KEY_FILE = "webhooks.key"
KEY_BYTES = 32
LONGEST = 1000


class SignedHooks:
    """Implements `HookTokens`: `<what>.<HMAC-SHA-256>`, both base64url."""

    def __init__(self, keys: Path) -> None:
        """`keys` is the folder of the home's keys. Raises ConfigurationError."""
        self._key = key_in(keys / KEY_FILE, partial(secrets.token_bytes, KEY_BYTES), KEY_BYTES, _unreadable)

    def issue(self, hook: Hook) -> str:
        what = "\0".join((hook.workspace_id, hook.run_id, hook.wait_id)).encode()
        return f"{_text(what)}.{_text(self._mac(what))}"

    def read(self, token: str) -> Hook | None:
        if len(token) > LONGEST:
            return None
        named, _, mac = token.partition(".")
        try:
            what, given = _bytes(named), _bytes(mac)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(self._mac(what), given) or token != f"{_text(what)}.{_text(given)}":
            return None
        workspace_id, run_id, wait_id = what.decode().split("\0")
        return Hook(workspace_id=workspace_id, run_id=run_id, wait_id=wait_id)

    def _mac(self, what: bytes) -> bytes:
        return hmac.new(self._key, what, hashlib.sha256).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unreadable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the key of webhooks {str(path)!r} cannot be read; restore it, or delete it to make a new one (open "
        "webhooks then get new addresses)",
        code="config.webhook_key",
        context={"path": str(path)},
    )
