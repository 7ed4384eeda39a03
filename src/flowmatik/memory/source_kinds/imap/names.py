"""Names of folders: modified UTF-7 (RFC 3501, 5.1.3), and which of them are meant."""

import base64
import binascii
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_SHIFTED = re.compile(r"&([^&-]*)-")
_FOREIGN = re.compile(r"[^\x20-\x7e]+")
_LINE = re.compile(rb'\((?P<flags>[^)]*)\) (?P<delimiter>"\\?."|NIL) ?(?P<name>.*)', re.DOTALL)
# RFC 6154: no letters of their own, or none that anybody wants to find.
_LEFT_OUT = frozenset(("\\all", "\\drafts", "\\junk", "\\trash"))
_CLOSED = frozenset(("\\noselect", "\\nonexistent"))


def decoded(name: str) -> str:
    def one(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        text = found[1].replace(",", "/")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be")
        except (binascii.Error, UnicodeDecodeError):
            return found[0]

    return _SHIFTED.sub(one, name)


def encoded(name: str) -> str:
    def one(found: re.Match[str]) -> str:
        text = base64.b64encode(found[0].encode("utf-16-be", "replace")).decode().rstrip("=")
        return f"&{text.replace('/', ',')}-"

    return _FOREIGN.sub(one, name.replace("&", "&-"))


def quoted(name: str) -> str:
    """As a string of the protocol; there are no line ends in an encoded name."""
    text = encoded(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def listed(line: bytes | tuple[bytes, bytes]) -> tuple[str, str, frozenset[str]] | None:
    """Name, delimiter and flags, from one answer to LIST."""
    literal = line[1] if isinstance(line, tuple) else b""
    found = _LINE.fullmatch(line[0] if isinstance(line, tuple) else line)
    if found is None:
        return None
    name = literal if literal else found["name"]
    if not literal and name.startswith(b'"'):
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    delimiter = found["delimiter"].strip(b'"')[-1:].decode("ascii", "replace")
    flags = found["flags"].decode("ascii", "replace").lower().split()
    shown = "" if found["delimiter"] == b"NIL" else delimiter
    return decoded(name.decode("utf-8", "replace")), shown, frozenset(flags)


def is_meant(name: str, flags: frozenset[str], patterns: Sequence[str]) -> bool:
    """Drafts, junk and the bin only when they are named themselves."""
    if flags & _CLOSED:
        return False
    exact = {one.lower() if one.lower() == "inbox" else one for one in patterns}
    own = name.lower() if name.lower() == "inbox" else name
    if own in exact:
        return True
    return not flags & _LEFT_OUT and any(fnmatchcase(name, one) for one in patterns)
