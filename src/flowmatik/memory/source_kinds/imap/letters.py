"""Letters and folders as IMAP tells of them."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import PurePosixPath

from flowmatik.contracts.sources import Entry

_NUMBERED = re.compile(r"(\d+)-(\d+)\.eml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """`name` as people read it; `validity`: as long as it is the same, so are the UIDs."""

    name: str
    validity: int
    uids: frozenset[int]
    delimiter: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`head` has a few of its headers; `arrived` is INTERNALDATE."""

    uid: int
    size: int
    arrived: datetime | None
    head: bytes


class Uids:
    """Sets of numbers as IMAP writes them: `1:5,9`."""

    @staticmethod
    def said(uids: Iterable[int]) -> str:
        spans: list[list[int]] = []
        for uid in sorted(uids):
            if spans and spans[-1][1] == uid - 1:
                spans[-1][1] = uid
            else:
                spans.append([uid, uid])
        return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in spans)

    @staticmethod
    def read(text: str) -> frozenset[int]:
        found: set[int] = set()
        for one in filter(None, text.split(",")):
            first, _, last = one.partition(":")
            found.update(range(int(first), int(last or first) + 1))
        return frozenset(found)


def path_of(folder: Folder, uid: int) -> str:
    place = folder.name.replace(folder.delimiter, "/") if folder.delimiter else folder.name
    return f"{place}/{folder.validity}-{uid}.eml"


def uid_of(path: str) -> tuple[int, int]:
    """Its folder's validity, and its own number."""
    found = _NUMBERED.fullmatch(PurePosixPath(path).name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def entry_of(folder: Folder, letter: Letter) -> Entry:
    head: Message = message_from_bytes(letter.head)
    path = path_of(folder, letter.uid)
    own_id = _said(head, "Message-ID")
    arrived = letter.arrived.astimezone(UTC).isoformat(timespec="seconds") if letter.arrived else ""
    known = f"{own_id}\0{letter.size}\0{arrived}" if own_id and arrived else path
    metadata = {
        "folder": folder.name,
        "author": _said(head, "From"),
        "subject": _said(head, "Subject"),
        "message_id": own_id,
    }
    return Entry(
        path=path,
        version=f"letter:{hashlib.sha256(known.encode('utf-8', 'surrogatepass')).hexdigest()}",
        size=letter.size,
        metadata={key: value[:500] for key, value in metadata.items() if value or key == "folder"},
        dated=arrived,
    )


def _said(head: Message, name: str) -> str:
    value = str(head.get(name) or "")
    try:
        value = str(make_header(decode_header(value)))
    except (LookupError, ValueError):  # an encoding that nobody knows: as it stands there
        value = value.encode("ascii", "replace").decode()
    return " ".join(value.encode("utf-8", "replace").decode().replace("\0", "").split())
