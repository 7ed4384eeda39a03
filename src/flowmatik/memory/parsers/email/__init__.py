"""E-mail (RFC 5322, MIME): who wrote when to whom, and the body as plain text, or as HTML when there is no
other. Attachments are documents of their own. Of an mbox (RFC 4155) each message is a section."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import pairwise
from pathlib import PurePath
from typing import cast

from flowmatik.contracts.memory import Notice
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsers.email.bodies import add_html, add_plain, links_beside
from flowmatik.memory.parsing import Document, Link, Part, Source, TextBuilder, clean

_FROM = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From \S+ .*\r?\n")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_SHOWN = ("From", "To", "Cc", "Date")
_MOST_PARTS = 500
_MOST_DEPTH = 50
_NAMED = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)


def build(settings: object) -> "EmailParser":
    return EmailParser()


class EmailParser:
    def parse(self, source: Source) -> Document:
        data = source.data
        is_box = source.path.lower().endswith(".mbox")
        messages = list(_messages(data)) if is_box else [data]
        if data.strip() and ((is_box and not messages) or not _NAMED.search(data[:10_000])):
            why = "it has no header of a message"
            raise DocumentError(
                f"{source.name}: this is no e-mail: {why}; export it again",
                code="document.unreadable",
                context={"why": why},
            )
        letters = _Letters(source)
        for message in messages:
            source.check_time()
            letters.add(message)
        text = letters.builder.text()
        return Document(
            text=text,
            blocks=tuple(letters.builder.blocks),
            title=letters.subject if not is_box else "",
            parts=tuple(letters.parts),
            links=tuple(letters.links),
        )


def _messages(data: bytes) -> Iterator[bytes]:
    starts = [(match.start(), match.end()) for match in _FROM.finditer(data)]
    for (_, begin), (end, _) in pairwise([*starts, (len(data), 0)]):
        yield _ESCAPED.sub(rb"\1", data[begin:end])


class _Letters:
    def __init__(self, source: Source) -> None:
        self.builder = TextBuilder(source)
        self.parts: list[Part] = []
        self.links: list[Link] = []
        self.subject = ""
        self._plain = (0, "")  # the last plain body, and where it begins
        self._source = source
        self._seen: set[str] = set()
        self._doubles = 0
        self._names: set[str] = set()

    def add(self, data: bytes) -> None:
        message = message_from_bytes(data, policy=policy.default)
        own_id = _header(message, "Message-ID")
        if own_id and own_id in self._seen:
            self._double()
            return
        self._seen.add(own_id)
        subject = _header(message, "Subject")
        self.subject = self.subject or subject
        self.builder.add(subject or "-", "heading", 1)
        said = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
        if said:
            self.builder.add("\n".join(said), "lines")
        self._bodies(message, 0)

    def _double(self) -> None:
        """A box often holds a message twice, as sent and as received."""
        self._doubles += 1
        count = self._doubles
        self._source.notes[:] = [one for one in self._source.notes if one.code != "document.doubles"]
        text = f"{self._source.name}: {count} messages are there twice and were taken once"
        self._source.notes.append(Notice(code="document.doubles", text=text, values={"count": count}))

    def _bodies(self, message: EmailMessage, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise DocumentError(
                f"{self._source.name}: parts nested more than {_MOST_DEPTH} deep; save them one by one",
                code="document.deep",
                context={"limit": _MOST_DEPTH},
            )
        kind = message.get_content_type()
        if message.get_filename() or message.get_content_disposition() == "attachment":
            self._attach(message)
        elif kind == "multipart/alternative":
            self._alternative(message, depth)
        elif message.is_multipart():
            for part in cast("list[EmailMessage]", message.get_payload()):
                self._bodies(part, depth + 1)
        elif kind == "text/plain":
            self._plain = add_plain(self.builder, _text(message))
        elif kind == "text/html":
            self.links += add_html(self.builder, self._source, _text(message))

    def _alternative(self, message: EmailMessage, depth: int) -> None:
        """The plain one when it says anything; the last one is the richest."""
        parts = cast("list[EmailMessage]", message.get_payload())
        plain = [one for one in parts if one.get_content_type() == "text/plain" and _text(one).strip()]
        for part in (plain or parts[-1:])[:1]:
            self._bodies(part, depth + 1)
        for other in (one for one in parts if plain and one.get_content_type() == "text/html"):
            self.links += links_beside(self._source, _text(other), *self._plain)

    def _attach(self, message: EmailMessage) -> None:
        if len(self.parts) >= _MOST_PARTS:
            return
        name = clean(PurePath((message.get_filename() or "").replace("\\", "/")).name).strip(". ")
        if message.get_content_type() == "message/rfc822":
            inner = cast("list[EmailMessage]", message.get_payload())
            data = inner[0].as_bytes() if inner else b""
            name = f"{PurePath(name or 'message').stem}.eml"
        else:
            data = cast("bytes | None", message.get_payload(decode=True)) or b""
        unique, number = name or "attachment", 1
        while unique in self._names:
            number += 1
            unique = f"{PurePath(name).stem}-{number}{PurePath(name).suffix}"
        self._names.add(unique)
        self.parts.append(Part(name=unique, data=data))


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = message[name]
    except (ValueError, IndexError, TypeError, AttributeError):  # the library's faults with odd headers
        value = next((raw for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(clean(str(value or "")).split())


def _text(message: EmailMessage) -> str:
    """Of a character set that nobody knows: as UTF-8, else as Latin letters."""
    data = cast("bytes | None", message.get_payload(decode=True)) or b""
    for charset in (message.get_content_charset() or "utf-8", "utf-8", "cp1252"):
        try:
            return data.decode(charset)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")
