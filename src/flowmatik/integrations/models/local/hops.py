"""What several passages have to do with one another: whom each is about, and whom else it brings in.

A question whose answer takes two passages names the one and asks for the other through it: the author of
a book, the country of a town. The name between them, the bridge, stands in the passage about what the
question names, and is whom the other passage is about.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowmatik.integrations.models.local import reading
from flowmatik.integrations.models.local.evidence import Asked, ask
from flowmatik.integrations.models.local.passages import Candidate, Passage, candidates, in_force
from flowmatik.integrations.models.local.passages import read as passages_of
from flowmatik.integrations.models.local.periods import MONTHS
from flowmatik.integrations.models.local.reading import Reading
from flowmatik.integrations.models.local.standing import admits
from flowmatik.integrations.models.local.words import STOP, flat, fold, spots, terms, tokens

LATER = 0.8  # what a passage counts that only a later search found
TITLE = 90  # characters of a first line that may be a title
MOST = 3  # names that one search follows
ANCHORS = 3  # sentences whose names are followed,
FOLLOWED = 2  # of them at most, those about a name that was searched for
NEAR = 6  # words between a name and a word of the question at which it counts half
ALONE = 0.1  # what a name is worth that stands near none
_CAPITAL = r"(?:(?![a-zß-öø-ÿ])[^\W\d_](?:[\w'’.-]*\w|\.))"
_JOINT = r"(?:of|the|de|del|la|las|los|el|von|van|der|du|di|da|y|&)"
_NAME = re.compile(rf"\b{_CAPITAL}(?: (?:{_JOINT} )*(?:{_CAPITAL}|\d+\b))*")
_ASIDE = re.compile(r"\([^()]*\)|[\"“”«»]")
_NO_TITLE = re.compile(r"[.:;!?,|]\s*$|^\s*[#|*-]|^\s*\d+[.)]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hops:
    """A question, read once over all that its searches found, sentences best first."""

    asked: Asked
    passages: tuple[Passage, ...]
    read: tuple[Reading, ...]


def follow(question: str, results: Sequence[dict[str, Any]], today: str = "") -> Hops:
    """Rows of tables are left out: they hang together by their table."""
    kept = in_force(_together(results), today)
    pool = [one for passage in kept for one in _sentences(passage) if not (one.row or one.label)]
    asked = ask(question, pool)
    pool = [one for one in pool if admits(asked, question, one)]
    return Hops(asked=asked, passages=tuple(kept), read=tuple(reading.read(asked, pool, {})))


def query(question: str, hops: Hops, tried: Sequence[str]) -> str:
    """What to search for next: whom the sentences that say most of the question bring in, and the words
    of the question that they leave over. "" where they bring in nobody new; `tried` are the searches
    made."""
    asked = hops.asked
    later = flat(tried[-1]) if len(tried) > 1 else ""
    about = [one.candidate for one in hops.read if later and _name(one.candidate.passage) in later]
    if later and not about:
        return ""  # the search before found nobody whom it looked for
    saying = sorted(hops.read, key=lambda one: -one.evidence.own)
    anchors = [*about[:FOLLOWED], *(one.candidate for one in saying)][:ANCHORS]
    found = [name for name in _bridges(hops, anchors) if not any(name in one for one in tried)][:MOST]
    if not found:
        return ""
    said = terms(f"{anchors[0].text} {anchors[0].passage.heading}", asked.language)
    over = frozenset(asked.order) - said
    return " ".join(
        (*found, *(question[a:b] for a, b, term in spots(question, asked.language) if term in over))
    )


def core(passage: Passage, language: str) -> frozenset[str]:
    """The words of its subject, without what only tells it from others of its name."""
    return terms(_ASIDE.sub(" ", passage.heading), language)


def names(text: str) -> list[str]:
    """Spans in capitals, without a small word that has its capital for opening a sentence."""
    found: list[str] = []
    for match in _NAME.finditer(text):
        said = match[0]
        first, _, rest = said.partition(" ")
        if fold(first) in STOP:
            said = rest
        if said and fold(said) not in STOP and fold(said.partition(" ")[0]) not in MONTHS:
            found.append(said)
    return found


def _name(passage: Passage) -> str:
    """Its subject as a search has it; of a passage without one, what no search holds."""
    return flat(_ASIDE.sub(" ", passage.heading)).strip() or "\n"


def _subject(passage: Passage) -> str:
    """Whom or what a passage is about, as far as its form says: its heading, a first line that is no
    sentence, or the title of its document; "" if none does."""
    first, broken, _ = passage.text.partition("\n")
    if passage.heading:
        return passage.heading
    if broken and 0 < len(first) <= TITLE and not _NO_TITLE.search(first):
        return first.strip()
    return passage.title if re.search(r"[^\W\d_]{3}", passage.title) else ""


def _together(results: Iterable[dict[str, Any]]) -> list[Passage]:
    """The passages of all searches, each with its subject as its heading, so that all of its sentences are
    read as being about it."""
    found: dict[str, Passage] = {}
    for n, result in enumerate(results):
        for one in passages_of([result]):
            score = one.score * (LATER if n else 1.0)
            if one.id not in found or score > found[one.id].score:
                found[one.id] = replace(one, score=score, heading=_subject(one))
    return [replace(one, rank=n) for n, one in enumerate(found.values())]


def _sentences(passage: Passage) -> list[Candidate]:
    """Without the line that is the passage's title."""
    found: list[Candidate] = []
    for one in candidates(passage):
        first, broken, rest = one.text.partition("\n")
        if broken and one.start == 0 and first.strip() == passage.heading:
            start = len(one.text) - len(rest.lstrip())
            found.append(replace(one, text=rest.strip(), start=start))
        elif one.text != passage.heading:
            found.append(one)
    return found


def _bridges(hops: Hops, anchors: list[Candidate]) -> list[str]:
    """The names that the anchors bring in and the question lacks, best first, but for those about whom a
    passage is at hand already."""
    language, words = hops.asked.language, frozenset(hops.asked.order)
    at_hand = [core(one, language) for one in hops.passages]
    worth: dict[str, float] = {}
    for n, anchor in enumerate(anchors):
        for name in names(anchor.text):
            said = terms(name, language)
            if said - words and not any(said <= subject for subject in at_hand):
                worth[name] = max(worth.get(name, 0.0), _near(hops.asked, anchor.text, name) / (n + 1))
    return sorted(worth, key=lambda name: -worth[name])


def _near(asked: Asked, text: str, name: str) -> float:
    """How close to it those words of the question stand that are no names: more for every word."""
    start = len(tokens(text[: text.find(name)]))
    end = start + len(tokens(name))
    found: dict[str, float] = {}
    for n, word in enumerate(tokens(text)):
        for term in terms(word, asked.language) & (frozenset(asked.order) - asked.names):
            gap = max(start - n, n - end + 1, 0)
            found[term] = max(found.get(term, 0.0), 1 / (1 + gap / NEAR))
    return ALONE + sum(found.values())
