"""The installation's signature: an Ed25519 key (RFC 8032), made at the first use and kept with mode 0600."""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from flowmatik.kernel.errors import ConfigurationError, InvalidInput
from flowmatik.security.key_file import key_in

KEY_FILE = "signing.key"
KEY_BYTES = 32


class InstallationKey:
    """Implements `SigningKey`. Nothing is read or made before it is needed."""

    def __init__(self, keys: Path) -> None:
        """`keys` is the folder of the home's keys."""
        self._folder = keys
        self._key: Ed25519PrivateKey | None = None

    def public(self) -> str:
        """Raises ConfigurationError."""
        return base64.b64encode(self._private().public_key().public_bytes_raw()).decode()

    def sign(self, message: bytes) -> bytes:
        """Raises ConfigurationError."""
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        if self._key is None:
            self._key = Ed25519PrivateKey.from_private_bytes(_key(self._folder))
        return self._key


def signature_holds(public: str, message: bytes, signature: bytes) -> bool:
    """Whether the owner of `public` (base64) signed `message`. Raises InvalidInput for what is no key."""
    try:
        raw = base64.b64decode(public.strip(), validate=True)
        key = Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(
            f"{public[:60]!r} is no public key; it is {KEY_BYTES} bytes of Ed25519 in base64, as "
            "`flowmatik agents bundle keys` shows them",
            code="input.public_key",
            context={"value": public[:60]},
        ) from error
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _key(folder: Path) -> bytes:
    return key_in(folder / KEY_FILE, _made, KEY_BYTES, _unreadable)


def _made() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes_raw()


def _unreadable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the signing key {str(path)!r} cannot be read; restore it, or delete it to make a new one (whoever "
        "trusts the old one must then trust the new one)",
        code="config.signing_key",
        context={"path": str(path)},
    )
