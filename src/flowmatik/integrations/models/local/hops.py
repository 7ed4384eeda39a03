"""What several passages have to do with one another: whom each is about, and whom else it brings in.

A question whose answer takes two passages names the one and asks for the other through it: the author of
a book, the country of a town. The name between them, the bridge, stands in the passage about what the
question names, and is whom the other passage is about.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flowmatik.integrations.models.local import reading
from flowmatik.integrations.models.local.evidence import Asked, ask
from flowmatik.integrations.models.local.passages import Candidate, Passage, in_force
from flowmatik.integrations.models.local.passages import candidates as cut
from flowmatik.integrations.models.local.passages import read as read_passages
from flowmatik.integrations.models.local.reading import Reading
from flowmatik.integrations.models.local.standing import admits
from flowmatik.integrations.models.local.words import STOP, fold, spots, terms, tokens

LATER = 0.8  # what a passage counts that only a later search found

TITLE = 90  # characters of a first line that may be a title
MOST_BRIDGES = 3  # names that one search follows
ANCHORS = 3  # sentences whose names are followed
NEAR = 6  # words between a name and a word of the question at which it counts half
_CAPITAL = r"(?:[^\W\d_a-zß-öø-ÿ][\w'’.-]*\w|[A-Z]\.)"
_JOINT = r"(?:of|the|de|del|la|las|los|el|von|van|der|du|di|da|y|&)"
NAME = re.compile(rf"\b{_CAPITAL}(?:,? (?:{_JOINT} )*(?:{_CAPITAL}|\d+\b))*".replace(",? ", " "))
_OPENING = re.compile(r"\(.*?\)|[\"“”«»]")


def subject(passage: Passage) -> str:
    """Whom or what a passage is about, as far as its form says: its heading, a first line that is no
    sentence, the title of its document, or the name that it begins with; "" if none does."""
    first, found, _ = passage.text.partition("\n")
    if passage.heading:
        return passage.heading
    if found and 0 < len(first) <= TITLE and not re.search(r"[.:;!?,|]\s*$|^\s*[#|*-]", first):
        return first.strip()
    if re.search(r"[^\W\d_]{3}", passage.title):
        return passage.title
    begins = NAME.match(passage.text)
    return begins[0] if begins and " " in begins[0] else ""


def titled(passages: Iterable[Passage]) -> list[Passage]:
    """With the subject of each as its heading, so that all of its sentences are read as being about it."""
    return [replace(one, heading=subject(one)) for one in passages]


def sentences(passage: Passage) -> list[Candidate]:
    """Those of a passage from `titled`, without the line that is its title."""
    found: list[Candidate] = []
    for one in cut(passage):
        first, broken, _ = one.text.partition("\n")
        if broken and one.start == 0 and first.strip() == passage.heading:
            skip = len(first) + 1
            text = one.text[skip:]
            lead = len(text) - len(text.lstrip())
            one = replace(one, text=text.strip(), start=one.start + skip + lead)
        if one.text != passage.heading:
            found.append(one)
    return found


@dataclass(frozen=True, kw_only=True)
class Named:
    """A name with what it means."""

    text: str
    language: str

    @cached_property
    def terms(self) -> frozenset[str]:
        return terms(_OPENING.sub(" ", self.text), self.language)


def names(text: str, language: str) -> list[Named]:
    """Spans in capitals, without the word that has its capital for opening a sentence only."""
    found: list[Named] = []
    for match in NAME.finditer(text):
        said = match[0]
        if fold(said) in STOP:
            continue
        first, _, rest = said.partition(" ")
        if fold(first) in STOP:
            said = rest
        if said and terms(said, language):
            found.append(Named(text=said, language=language))
    return found


def brings_in(text: str, about: frozenset[str], language: str) -> bool:
    """Whether the text names all of what a passage is about."""
    return bool(about) and about <= terms(text, language)


def core(passage: Passage, language: str) -> frozenset[str]:
    """The words of its subject, without what only tells it from others of its name."""
    return terms(_OPENING.sub(" ", passage.heading), language)


def bridges(asked: Asked, anchors: list[Candidate], known: list[Passage]) -> list[str]:
    """The names that the anchors bring in and the question lacks, best first, but for those about whom a
    passage is at hand already."""
    words = frozenset(asked.order)
    at_hand = [core(one, asked.language) for one in known]
    worth: dict[str, float] = {}
    for n, anchor in enumerate(anchors):
        for one in names(f"{anchor.text}", asked.language):
            fresh = one.terms - words
            if not fresh or any(one.terms <= have for have in at_hand):
                continue
            weight = _beside(asked, anchor.text, one.text) / (n + 1)
            worth[one.text] = max(worth.get(one.text, 0.0), weight)
    return sorted(worth, key=lambda name: -worth[name])[:MOST_BRIDGES]


def _beside(asked: Asked, text: str, name: str) -> float:
    """How close, 0 to 1, the words of the question stand that are no names."""
    said = tokens(text)
    place = text.find(name)
    at = len(tokens(text[:place]))
    end = at + len(tokens(name))
    plain = frozenset(asked.order) - asked.names
    found: dict[str, float] = {}
    for n, word in enumerate(said):
        for term in terms(word, asked.language) & plain:
            gap = max(at - n, n - end + 1, 0)
            found[term] = max(found.get(term, 0.0), 1 / (1 + gap / NEAR))
    return 0.1 + sum(found.values())


def together(results: list[dict[str, Any]]) -> list[Passage]:
    """The passages of all searches, titled; what only a later one found counts less."""
    found: dict[str, Passage] = {}
    for n, result in enumerate(results):
        for one in titled(read_passages([result])):
            score = one.score * (LATER if n else 1.0)
            if one.id not in found or score > found[one.id].score:
                found[one.id] = replace(one, score=score)
    return [replace(one, rank=n) for n, one in enumerate(found.values())]


def read(question: str, results: list[dict[str, Any]], today: str = "") -> tuple[Asked, list[Reading]]:
    kept = in_force(together(results), today)
    pool = [candidate for passage in kept for candidate in sentences(passage) if not candidate.row]
    asked = ask(question, pool)
    pool = [one for one in pool if admits(asked, question, one)]
    return asked, reading.read(asked, pool, {})


def query(question: str, results: list[dict[str, Any]], tried: list[str]) -> str:
    """What to search for next: whom the sentences that say most of the question bring in, and the words of
    the question that they leave over; "" where they bring in nobody new."""
    asked, said = read(question, results)
    first = sorted(said, key=lambda one: -one.evidence.own)
    anchors: list[Candidate] = []
    if len(results) > 1:
        text = fold(tried[-1])
        anchors = [
            one.candidate for one in said if one.candidate.passage.heading
            and fold(_OPENING.sub(" ", one.candidate.passage.heading)).strip() in text
        ]
    anchors = [*anchors[:2], *(one.candidate for one in first)][:ANCHORS]
    known = together(results)
    found = [name for name in bridges(asked, anchors, known) if not any(name in one for one in tried)]
    if not found:
        return ""
    over = frozenset(asked.order) - terms(anchors[0].text, asked.language) - terms(anchors[0].passage.heading, asked.language)
    words = [question[a:b] for a, b, term in spots(question, asked.language) if term in over]
    return " ".join((*found, *words))
