"""How versions and channels are written, and references to them."""

import re

from flowmatik.kernel.errors import InvalidInput

_VERSION = re.compile(r"[0-9a-f]{12}")
_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,62}")


def is_version(tag: str) -> bool:
    """What stands behind the @ of a reference: a version, or else a channel."""
    return bool(_VERSION.fullmatch(tag))


def is_channel(name: str) -> bool:
    return bool(_CHANNEL.fullmatch(name)) and not is_version(name)


def check_channel(name: str) -> None:
    """Raises InvalidInput."""
    if not is_channel(name):
        raise InvalidInput(
            f"{name!r} cannot be the name of a channel; use lower-case letters, digits and hyphens, a letter "
            "first, and nothing that looks like a version",
            code="input.channel",
            context={"value": name[:100]},
        )


def version_ref(ref: str) -> tuple[str, str]:
    """Name and version of `name@version`. Raises InvalidInput."""
    name, _, version = ref.partition("@")
    if not name or not is_version(version):
        raise InvalidInput(
            f"{ref!r} names no version; write NAME@VERSION, with the 12 digits that `flowmatik agents "
            "versions` shows",
            code="input.version_ref",
            context={"value": ref[:100]},
        )
    return name, version
