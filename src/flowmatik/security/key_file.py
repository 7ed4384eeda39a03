"""A secret key of the installation, in a file that is made at the first use."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def key_in(
    path: Path, make: Callable[[], bytes], length: int, unreadable: Callable[[Path], Exception]
) -> bytes:
    """The key, as hexadecimal text in a file of mode 0600. Of processes that make one at the same time all
    get the first one's, whole. Raises what `unreadable` says for a file that holds no key of that length."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _put(path, make())
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise unreadable(path) from error
    if len(key) != length:
        raise unreadable(path)
    return key


def _put(path: Path, key: bytes) -> None:
    """Whole, or not at all; what somebody else put there meanwhile stays."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex())
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink(missing_ok=True)
