"""Who and what a passage speaks of, by its form alone: no model, no list of names.

Capitalised phrases need care at the beginning of a sentence, where any word has a capital: a word that
also stands there in small letters is none, nor one that merely opens sentences. What is left over is
harmless: an entity of a single passage joins nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from flowmatik.memory.graph.amounts import dates, quantities
from flowmatik.memory.graph.gazetteer import Gazetteer
from flowmatik.memory.graph.keys import key_of, title_keys
from flowmatik.memory.graph.names import names

_Name = Literal["title", "heading", "name", "quote", "email", "url", "code", "gazetteer", "model", "link"]
Kind = _Name | Literal["quantity", "date"]

MAX_TEXT = 200_000
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}(?<![-_])")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'«»“”)\]]{3,500}", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w@/.-])[A-Za-z0-9]{1,24}(?:[-_/.][A-Za-z0-9]{1,24}){0,6}(?![\w@/-])")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|º|ª|er|a|o)|\d+(?:[-/.]\d+)*", re.IGNORECASE)
_QUOTES = re.compile(r"«([^«»\n]{2,100})»|“([^“”\n]{2,100})”|\"([^\"\n]{2,100})\"|``([^`'\n]{2,100})''")
_QUOTED_WORDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """`key` is the entity's identity within its workspace, `surface` how the text writes it there.
    `start` and `end` are offsets in the text, -1 for what stands in its title or heading."""

    key: str
    surface: str
    kind: Kind
    start: int = -1
    end: int = -1


def mentions(
    text: str, *, title: str, heading: str, language: str, gazetteer: Gazetteer | None = None
) -> tuple[Mention, ...]:
    """In the order of the text, what the title and the headings (a path "A > B") say first. An entity is
    mentioned as often as it stands there; at one place an entity stands once. `language` ("es", "en" or
    "") decides how numbers and dates are read. Never raises; what is beyond `MAX_TEXT` counts nothing."""
    found = [*_of_title(title), *_of_heading(heading, title)]
    body = sorted(_of_text(text[:MAX_TEXT], language, gazetteer), key=lambda one: (one.start, -one.end))
    seen: set[tuple[str, int]] = set()
    for one in body:
        if one.key and (one.key, one.start) not in seen:
            seen.add((one.key, one.start))
            found.append(one)
    return tuple(found)


def _of_title(title: str) -> Iterator[Mention]:
    for key in title_keys(title):
        yield Mention(key=key, surface=title, kind="title")


def _of_heading(heading: str, title: str) -> Iterator[Mention]:
    known = set(title_keys(title))
    for part in heading.split(" > "):
        for key in title_keys(part):
            if key not in known:
                known.add(key)
                yield Mention(key=key, surface=part, kind="heading")


def _of_text(text: str, language: str, gazetteer: Gazetteer | None) -> Iterator[Mention]:
    fixed = [*_addresses(text), *_amounts(text, language)]
    yield from fixed
    taken = [(one.start, one.end) for one in fixed]
    for one in _codes(text):
        if not _overlaps(one, taken):
            yield one
    for match in _QUOTES.finditer(text):
        group = match.lastindex or 1
        if len(match[group].split()) <= _QUOTED_WORDS:
            yield _mention(text, "quote", *match.span(group))
    for start, end in names(text, taken):
        yield _mention(text, "name", start, end)
    if gazetteer is not None:
        for key, start, end in gazetteer.found(text):
            yield Mention(key=key, surface=text[start:end], kind="gazetteer", start=start, end=end)


def _addresses(text: str) -> Iterator[Mention]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield _as_it_stands(match[0], "email", match.start())
    for match in _URL.finditer(text):
        yield _as_it_stands(match[0].rstrip(".,;:!?…"), "url", match.start())


def _as_it_stands(surface: str, kind: Kind, start: int) -> Mention:
    key = surface.casefold().rstrip("/")
    return Mention(key=key, surface=surface, kind=kind, start=start, end=start + len(surface))


def _amounts(text: str, language: str) -> Iterator[Mention]:
    taken: list[tuple[int, int]] = []
    for key, start, end in quantities(text, language):
        taken.append((start, end))
        yield Mention(key=key, surface=text[start:end], kind="quantity", start=start, end=end)
    for key, start, end in dates(text, language):
        one = Mention(key=key, surface=text[start:end], kind="date", start=start, end=end)
        if not _overlaps(one, taken):
            yield one


def _codes(text: str) -> Iterator[Mention]:
    """Words of letters and digits ("ISO-9001", "X200"), and names of programs ("max_retries")."""
    for match in _CODE.finditer(text):
        word = match[0]
        mixed = any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
        if (mixed and not _ORDINAL.fullmatch(word)) or "_" in word:
            yield _mention(text, "code", *match.span())


def _mention(text: str, kind: Kind, start: int, end: int) -> Mention:
    return Mention(key=key_of(text[start:end]), surface=text[start:end], kind=kind, start=start, end=end)


def _overlaps(one: Mention, taken: list[tuple[int, int]]) -> bool:
    return any(one.start < end and start < one.end for start, end in taken)
