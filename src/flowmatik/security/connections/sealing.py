"""Secrets at rest: AES-256-GCM under the installation's own key, bound to the row that they stand in."""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.security.key_file import key_in

KEY_FILE = "connections.key"
KEY_BYTES = 32
NONCE_BYTES = 12


class Sealer:
    """What is sealed for one place opens nowhere else: a row that is copied to another owner is of no use."""

    def __init__(self, keys: Path) -> None:
        """`keys` is the folder of the home's keys. Blocking. Raises ConfigurationError."""
        self._path = keys / KEY_FILE
        self._cipher = AESGCM(key_in(self._path, _made, KEY_BYTES, _unreadable))

    def seal(self, text: str, *place: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), _bound(place))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *place: str) -> str:
        """Raises ConfigurationError when it was sealed with another key, or for another place."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(place)).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise ConfigurationError(
                f"a connection cannot be opened with the key {str(self._path)!r}; restore that key, or add "
                "the connection again",
                code="config.connection_key",
                context={"path": str(self._path)},
            ) from error


def _bound(place: tuple[str, ...]) -> bytes:
    return "\0".join(place).encode()


def _made() -> bytes:
    return AESGCM.generate_key(bit_length=8 * KEY_BYTES)


def _unreadable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the key of connections {str(path)!r} cannot be read; restore it, or delete it to make a new one "
        "(people must then connect again)",
        code="config.connection_key.unreadable",
        context={"path": str(path)},
    )
