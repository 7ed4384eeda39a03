"""W3C trace context (https://www.w3.org/TR/trace-context/): which trace something belongs to."""

import re
import secrets

_HEADER = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-"
                     r"(?P<flags>[0-9a-f]{2})(?P<more>-.*)?")  # fmt: skip
_SAMPLED = 1


def trace_of(header: str) -> str:
    """The `traceparent` that a caller sent, or a new one when that is missing or invalid. What a later
    version of the standard adds is left away, as it demands."""
    found = _HEADER.fullmatch(header.strip())
    if found is None or not int(found["trace"], 16) or not int(found["parent"], 16):
        return _new()
    if found["version"] == "00":
        return _new() if found["more"] else found[0]
    if found["version"] == "ff":
        return _new()
    return f"00-{found['trace']}-{found['parent']}-{int(found['flags'], 16) & _SAMPLED:02x}"


def _new() -> str:
    """Not sampled: nobody has recorded anything of it yet."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
